package recordstatus

import (
	"context"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// deprecated decides about an image whose runner GitHub no longer gives jobs. Where
// images follow GitHub's releases, its revision is not used again, and the next runner
// waits for the next revision. Elsewhere only a person can help.
func (s Step) deprecated(ctx context.Context, doc fleet.Document, cause string) (name, why string, err error) {
	image, _ := doc.StartsFrom()
	if doc.Plan == nil || image == nil || doc.Plan.RunnerVersion == "" { // of the release before
		return fleet.RunnerVersionDeprecated, cause, nil
	}
	if pinned := doc.Plan.RunnerVersion; pinned != fleet.LatestRunner {
		return fleet.RunnerVersionDeprecated, fmt.Sprintf("GitHub gives no jobs to runner %s any more: set runner_version in fleet.yaml to latest or to a newer version, and deploy", pinned), nil
	}
	record, err := lifecycle.ChangeImage(ctx, s.Images, image.Tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		used := r.Digest == image.Digest && r.Usable()
		if used {
			r.Outdated = "GitHub gives no jobs to its runner"
		}
		return r, used
	})
	switch {
	case err != nil:
		return "", "", err
	case record.Digest == "":
		return fleet.RunnerVersionDeprecated, fmt.Sprintf("GitHub gives no jobs to the runner in image %s, which the fleet did not build: publish it with a newer runner, or delete it and let the fleet build it", doc.Plan.ImageSpec), nil
	}
	return fleet.ImageOutdated, fmt.Sprintf("GitHub gives no jobs to the runner in revision %d of image %s: the next one is built", record.Revision, doc.Plan.ImageSpec), nil
}
