package resolveimage_test

import (
	"errors"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

var spec = fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.X64}

func call() fleet.Call {
	return fleet.Call{RunnerID: "fleet-7-1", Document: fleet.Document{Plan: &fleet.Plan{ImageSpec: &spec}}}
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		built map[string]string // tag → digest
		want  fleet.Image
	}{
		"a built image is ready with its digest": {
			built: map[string]string{spec.Tag(): "sha256:1"},
			want:  fleet.Image{Outcome: fleet.ImageReady, Tag: spec.Tag(), Digest: "sha256:1"},
		},
		"no image is missing": {want: fleet.Image{Outcome: fleet.ImageMissing, Tag: spec.Tag()}},
		"another architecture's image is missing": {
			built: map[string]string{fleet.ImageSpec{Kind: spec.Kind, Name: spec.Name, Arch: fleet.ARM64}.Tag(): "sha256:1"},
			want:  fleet.Image{Outcome: fleet.ImageMissing, Tag: spec.Tag()},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			for tag, digest := range c.built {
				if err := w.Images.PutImage(t.Context(), tag, digest, w.Now()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := resolveimage.Step{Fleet: w.Fleet(), Images: w.Images}.Run(t.Context(), call())
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestKilled(t *testing.T) {
	lifecycletest.KillEverywhere(t, lifecycletest.New, func(w *lifecycletest.World) error {
		got, err := resolveimage.Step{Fleet: w.Fleet(), Images: w.Images}.Run(t.Context(), call())
		if err == nil && got.Outcome != fleet.ImageMissing {
			return errors.New(got.Outcome)
		}
		return err
	}, nil)
}
