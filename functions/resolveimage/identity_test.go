package resolveimage_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestWhatTheEntrypointCanShow(t *testing.T) {
	for _, can := range []bool{true, false} {
		w := lifecycletest.New(t)
		w.Images.HaveTag(spec.Tag(), spec, "sha256:1")
		w.Images.Edit(spec.Tag(), func(r *fleet.ImageRecord) { r.Identity = can })
		if got, err := (resolveimage.Step{Images: w.Images, Now: w.Now}).Run(t.Context(), call(spec)); err != nil || got.Identity != can {
			t.Errorf("%t: %+v, %v", can, got, err)
		}
	}
	w := lifecycletest.New(t)
	published := registry{tags: map[string]string{spec.PublishTag(): "sha256:2"}}
	if got, err := (resolveimage.Step{Images: w.Images, Registry: published, Now: w.Now}).Run(t.Context(), call(spec)); err != nil || got.Digest != "sha256:2" || got.Identity {
		t.Errorf("an image that others have published: %+v, %v", got, err)
	}
}
