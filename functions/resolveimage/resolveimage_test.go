package resolveimage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

var spec = fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.X64}

func call(spec fleet.ImageSpec) fleet.Call {
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
				w.Images.HaveTag(tag, spec, digest)
			}
			got, err := resolveimage.Step{Images: w.Images, Now: w.Now}.Run(t.Context(), call(spec))
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// registry has images by tag, or does not answer.
type registry struct {
	tags map[string]string
	err  error
}

func (r registry) Published(_ context.Context, tag string) (string, bool, error) {
	return r.tags[tag], r.tags[tag] != "", r.err
}

func (r registry) Has(_ context.Context, digest string) (bool, error) {
	for _, d := range r.tags {
		if d == digest {
			return true, r.err
		}
	}
	return false, r.err
}

func TestRegistry(t *testing.T) {
	onDemand := fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}
	arm := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.ARM64}
	cases := map[string]struct {
		spec   fleet.ImageSpec
		record string
		registry
		want string // the digest, "" if it is missing
		err  bool
	}{
		"a record whose image is there":               {spec, "sha256:1", registry{tags: map[string]string{"x": "sha256:1"}}, "sha256:1", false},
		"a record whose image was deleted":            {onDemand, "sha256:1", registry{}, "", false},
		"a base image that others published":          {spec, "", registry{tags: map[string]string{"v1": "sha256:2"}}, "sha256:2", false},
		"the record of a base image comes first":      {spec, "sha256:1", registry{tags: map[string]string{"x": "sha256:1", "v1": "sha256:2"}}, "sha256:1", false},
		"a base image deleted and published by hand":  {spec, "sha256:1", registry{tags: map[string]string{"v1": "sha256:2"}}, "sha256:2", false},
		"a base image for another architecture":       {arm, "", registry{tags: map[string]string{"v1": "sha256:2"}}, "", false},
		"the same in its own architecture":            {arm, "", registry{tags: map[string]string{"v1-arm64": "sha256:2"}}, "sha256:2", false},
		"an image on demand is not taken by its name": {onDemand, "", registry{tags: map[string]string{onDemand.Name: "sha256:2", onDemand.Tag(): "sha256:2"}}, "", false},
		"a registry that does not answer":             {spec, "sha256:1", registry{err: errors.New("no answer")}, "", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			if c.record != "" {
				w.Images.Have(c.spec, c.record)
			}
			got, err := resolveimage.Step{Images: w.Images, Registry: c.registry, Now: w.Now}.Run(t.Context(), call(c.spec))
			want := fleet.Image{Outcome: fleet.ImageReady, Tag: c.spec.Tag(), Digest: c.want}
			if c.want == "" {
				want.Outcome, want.Digest = fleet.ImageMissing, c.record // the image that is gone
			}
			if (err != nil) != c.err || err == nil && got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestKilled(t *testing.T) {
	lifecycletest.KillEverywhere(t, func(t *testing.T) *lifecycletest.World { return lifecycletest.New(t) }, func(w *lifecycletest.World) error {
		got, err := resolveimage.Step{Images: w.Images, Now: w.Now}.Run(t.Context(), call(spec))
		if err == nil && got.Outcome != fleet.ImageMissing {
			return errors.New(got.Outcome)
		}
		return err
	}, nil)
}
