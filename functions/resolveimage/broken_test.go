package resolveimage_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestAnImageWhoseBuildFailed(t *testing.T) {
	for name, c := range map[string]struct {
		record fleet.ImageRecord
		passed time.Duration
		want   string // the outcome, or the error's name
	}{
		"just now":                       {fleet.ImageRecord{}, 0, fleet.ImageBuildFailed},
		"just before the first try":      {fleet.ImageRecord{}, fleet.FailedBuildPause - time.Second, fleet.ImageBuildFailed},
		"before the first try":           {fleet.ImageRecord{}, fleet.FailedBuildPause, fleet.ImageMissing},
		"and the revision before serves": {fleet.ImageRecord{Revision: 1, Digest: "sha256:1"}, 0, fleet.ImageReady},
		"and the revision before is outdated": {
			fleet.ImageRecord{Revision: 1, Digest: "sha256:1", Outdated: "GitHub gives no jobs to its runner"}, 0, fleet.ImageBuildFailed,
		},
		"and the revision before was deleted": {fleet.ImageRecord{Revision: 1, Digest: "sha256:gone"}, 0, fleet.ImageBuildFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.Images.Edit(spec.Tag(), func(r *fleet.ImageRecord) {
				*r = c.record.Failed(fleet.BuildFailure{At: w.Now(), Reason: "the base image is built on musl"})
				r.Tag = spec.Tag()
			})
			w.Pass(c.passed)
			step := resolveimage.Step{Images: w.Images, Registry: registry{tags: map[string]string{"x": "sha256:1"}}, Now: w.Now}
			got, err := step.Run(t.Context(), call(spec))
			if name := fleet.ErrorName(err); got.Outcome+name != c.want {
				t.Errorf("%+v, %v; want %s", got, err, c.want)
			}
			if err != nil && err.Error() != "the base image is built on musl" {
				t.Errorf("the reason is %s", err)
			}
		})
	}
}

// Each record of a last use costs a write, so there is at most one a day.
func TestUse(t *testing.T) {
	w := lifecycletest.New(t)
	w.Images.Have(spec, "sha256:1")
	made := w.Now()
	for _, c := range []struct{ passes, usedAfter time.Duration }{{23 * time.Hour, 0}, {2 * time.Hour, 25 * time.Hour}, {time.Hour, 25 * time.Hour}} {
		w.Pass(c.passes)
		if _, err := (resolveimage.Step{Images: w.Images, Now: w.Now}).Run(t.Context(), call(spec)); err != nil {
			t.Fatal(err)
		}
		if r, _, _ := w.Images.Image(t.Context(), spec.Tag()); r.UsedAt.Sub(made) != c.usedAfter {
			t.Errorf("%s after it was built the last use is %s after", w.Now().Sub(made), r.UsedAt.Sub(made))
		}
	}
}
