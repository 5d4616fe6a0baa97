package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

const day = 24 * time.Hour

var node = fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}

// imageSweep is the sweep of a fleet that builds images, with one class for x64.
func imageSweep(w *world) sweep.Handler {
	h := handler(w)
	h.Policy.Classes = map[string]fleet.Class{"small": {CPU: 256, Memory: 512}}
	h.Policy.ExtraImages = nil
	h.Policy.BaseImage, h.Policy.RunnerVersion = "v1", fleet.LatestRunner
	h.Builder = w.Images
	if w.GitHub.Latest.Version == "" {
		w.GitHub.Latest = fleet.RunnerRelease{Version: "2.330.0"}
	}
	return h
}

func standing(h sweep.Handler) fleet.ImageSpec { return h.Policy.StandingImages()[0] }

// built is what a sweep has ordered: "<image> <revision>".
func built(t *testing.T, w *world, h sweep.Handler) (orders []string) {
	t.Helper()
	before := len(w.Images.Orders)
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, o := range w.Images.Orders[before:] {
		orders = append(orders, fmt.Sprintf("%s %d", o.Spec, o.Revision))
	}
	return orders
}

func TestImagesBuiltInTheBackground(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*world, *sweep.Handler)
		want   []string
	}{
		"nothing is there yet": {func(*world, *sweep.Handler) {}, []string{"v1 1"}},
		"an image of each kind and architecture": {func(_ *world, h *sweep.Handler) {
			h.Policy.ExtraImages = map[string]string{"android": "Dockerfile"}
			h.Policy.Classes["arm"] = fleet.Class{CPU: 256, Memory: 512, Arch: fleet.ARM64}
		}, []string{"v1 1", "android 1", "v1 1"}}, // three in one sweep
		"all is there": {func(w *world, h *sweep.Handler) { w.Images.Have(standing(*h), "sha256:1") }, nil},
		"the fleet is paused": {func(w *world, _ *sweep.Handler) {
			_, _ = w.Fleet().Pause(t.Context(), fleet.Operator{Reason: "maintenance"}.Act(fleet.CommandPause, "p", w.Now()))
		}, nil},
		"nothing builds here":      {func(_ *world, h *sweep.Handler) { h.Builder = nil }, nil},
		"it was published by hand": {func(_ *world, h *sweep.Handler) { h.Registry = published{"v1": "sha256:9"} }, nil},
		"another is published":     {func(_ *world, h *sweep.Handler) { h.Registry = published{"v0": "sha256:9"} }, []string{"v1 1"}},
		"a job has it built": {func(w *world, h *sweep.Handler) {
			_, _ = w.Images.JoinBuild(t.Context(), standing(*h).Tag(), "fleet-1-1", w.Now(), time.Hour)
		}, nil},
		"the runner that had it built is gone": {func(w *world, h *sweep.Handler) {
			_, _ = w.Images.JoinBuild(t.Context(), standing(*h).Tag(), "fleet-1-1", w.Now(), time.Hour)
			w.Pass(time.Hour + time.Second)
		}, []string{"v1 1"}},
		"it failed a moment ago":             {func(w *world, h *sweep.Handler) { fails(w, standing(*h)) }, nil},
		"a registry refused it a moment ago": {func(w *world, h *sweep.Handler) { passes(w, standing(*h)) }, nil},
		"a registry refused it some minutes ago": {func(w *world, h *sweep.Handler) {
			passes(w, standing(*h))
			w.Pass(fleet.PassingBackgroundPause)
		}, []string{"v1 1"}},
		"it failed hours ago": {func(w *world, h *sweep.Handler) {
			fails(w, standing(*h))
			w.Pass(fleet.BackgroundPause)
		}, []string{"v1 1"}},
		"what it was built from has changed": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			h.Policy.ImageSources = map[string]string{fleet.SourceOf(fleet.BaseImage, "v1", fleet.X64): "another"}
		}, []string{"v1 1"}},
		"a new runner is out": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			w.Images.Have(node, "sha256:2")
			w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
		}, []string{"v1 2", "image:docker.io/library/node:22 2"}},
		"a new runner is out, and the version is pinned": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			w.GitHub.Latest, h.Policy.RunnerVersion = fleet.RunnerRelease{Version: "2.336.0"}, "2.330.0"
		}, nil},
		"another version is pinned now": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			h.Policy.RunnerVersion = "2.329.0"
		}, []string{"v1 2"}},
		"a new runner is out, and an image is not used": {func(w *world, h *sweep.Handler) {
			w.Images.Have(node, "sha256:2")
			w.Pass(fleet.UnusedImage + time.Second)
			w.Images.Have(standing(*h), "sha256:1")
			w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
		}, []string{"v1 2"}},
		"an operator wants it built again": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			w.Images.Edit(standing(*h).Tag(), func(r *fleet.ImageRecord) { r.Rebuild = "an operator asked" })
		}, []string{"v1 2"}},
		"the one that serves must not be used": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			w.Images.Edit(standing(*h).Tag(), func(r *fleet.ImageRecord) { r.Outdated = "deprecated" })
		}, []string{"v1 2"}},
		"what is not configured any more is outdated": {func(w *world, h *sweep.Handler) {
			w.Images.Have(standing(*h), "sha256:1")
			w.Images.Have(fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v0", Arch: fleet.X64}, "sha256:0")
			w.Images.Edit(standing(*h).Tag(), func(r *fleet.ImageRecord) { r.RunnerVersion = "2.336.0" })
			w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			h := imageSweep(w)
			c.before(w, &h)
			if got := built(t, w, h); !slices.Equal(got, c.want) {
				t.Errorf("builds %q, want %q", got, c.want)
			}
			if got := built(t, w, h); len(got) != 0 && c.want != nil && len(c.want) < 3 {
				t.Errorf("the next sweep builds %q once more", got)
			}
		})
	}
}

// An image that no job has used for long costs no builds. The next job has it built.
func TestAnUnusedImageIsLeft(t *testing.T) {
	w := lifecycletest.New(t)
	h := imageSweep(w)
	w.Images.Have(node, "sha256:2")
	w.Pass(fleet.UnusedImage + time.Second)
	w.Images.Have(standing(h), "sha256:1")
	w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
	built(t, w, h)
	if r, _, _ := w.Images.Image(t.Context(), node.Tag()); r.Usable() || r.Outdated != "it is to have runner 2.336.0" {
		t.Errorf("the record is %+v", r)
	}
}

// If there are many images, a release of the runner leads to builds only of those that
// jobs use.
func TestOfManyImagesThoseThatAreUsedAreKeptUpToDate(t *testing.T) {
	for others, left := range map[int]bool{400: false, 600: true} {
		w := lifecycletest.New(t)
		h := imageSweep(w)
		w.Images.Have(node, "sha256:2")
		for n := range others {
			w.Images.Have(fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: fmt.Sprint("docker.io/library/node:", n), Arch: fleet.X64, Source: "before"}, fmt.Sprint("sha256:o", n))
		}
		w.Pass(fleet.KeptRevision + time.Second)
		w.Images.Have(standing(h), "sha256:1")
		w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
		built(t, w, h)
		if r, _, _ := w.Images.Image(t.Context(), node.Tag()); r.Usable() == left {
			t.Errorf("beside %d others it is %+v", others, r)
		}
	}
}

// The old revision serves until the new one is built; then nothing is left to do.
func TestTheNextRevision(t *testing.T) {
	w := lifecycletest.New(t)
	h := imageSweep(w)
	spec := standing(h)
	w.Images.Have(spec, "sha256:1")
	w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0", SHA256: map[fleet.Arch]string{fleet.X64: "ab"}}
	built(t, w, h)
	if r, _, _ := w.Images.Image(t.Context(), spec.Tag()); !r.Usable() || r.Digest != "sha256:1" {
		t.Fatalf("while the next is built the record is %+v", r)
	}
	order := w.Images.Orders[0]
	if order.Release.Version != "2.336.0" || order.Release.SHA256[fleet.X64] != "ab" {
		t.Errorf("the order is %+v", order)
	}
	ended := fleet.Build{Tag: order.Tag, Owner: order.Owner, Revision: order.Revision, Status: fleet.BuildSucceeded, Digest: "sha256:2", RunnerVersion: "2.336.0"}
	for range 2 {
		if err := h.Fleet.BuildEvent(t.Context(), w.Images, ended); err != nil {
			t.Fatal(err)
		}
		if r, _, _ := w.Images.Image(t.Context(), spec.Tag()); r.Digest != "sha256:2" || r.Revision != 2 || r.RunnerVersion != "2.336.0" {
			t.Errorf("the record is %+v", r)
		}
	}
	w.Pass(day)
	if got := built(t, w, h); len(got) != 0 {
		t.Errorf("builds %q once more", got)
	}
}

func TestGitHubIsAskedOnceADay(t *testing.T) {
	w := lifecycletest.New(t)
	h := imageSweep(w)
	w.Images.Have(standing(h), "sha256:1")
	for range 100 {
		built(t, w, h)
		w.Pass(time.Hour)
	}
	asked := 0
	for _, call := range w.GitHub.Calls {
		if call == "LatestRunner" {
			asked++
		}
	}
	if asked != 5 {
		t.Errorf("in 100 hours GitHub was asked %d times", asked)
	}
}

// Until the token works the release is not known: the first build waits for it, and
// every order has it. What a person asks for does not wait, and a pinned version needs
// no answer of GitHub's.
func TestGitHubDoesNotSayWhatIsLatest(t *testing.T) {
	w := lifecycletest.New(t)
	h := imageSweep(w)
	w.GitHub.Fails = map[string]error{"LatestRunner": errors.New("no answer")}
	w.Images.Have(node, "sha256:1")
	w.Images.Edit(node.Tag(), func(r *fleet.ImageRecord) { r.Rebuild = "an operator asked" })
	if _, err := h.Run(t.Context()); err == nil || len(w.Images.Orders) != 1 || w.Images.Orders[0].Spec != node {
		t.Errorf("%v, orders %+v", err, w.Images.Orders)
	}
	w.GitHub.Fails = nil
	w.Pass(time.Minute)
	if got := built(t, w, h); len(got) != 1 || w.Images.Orders[1].Release.Version != "2.330.0" {
		t.Errorf("once GitHub says it: %q, orders %+v", got, w.Images.Orders)
	}

	w = lifecycletest.New(t)
	h = imageSweep(w)
	w.GitHub.Fails = map[string]error{"LatestRunner": errors.New("no answer")}
	h.Policy.RunnerVersion = "2.329.0"
	if got := built(t, w, h); len(got) != 1 {
		t.Errorf("a pinned version: %q", got)
	}
}

func TestABackgroundBuildThatCannotStart(t *testing.T) {
	for fails, remembered := range map[error]bool{
		errors.New("no such project"):                                   true,
		fleet.Errorf(fleet.ImageBuildQueueFull, "CodeBuild is full"):    false,
		fleet.Errorf(fleet.AWSUnavailable, "CodeBuild does not answer"): false,
	} {
		w := lifecycletest.New(t)
		h := imageSweep(w)
		w.Images.Fails = fails
		_, err := h.Run(t.Context())
		if full := fleet.IsNamed(fails, fleet.ImageBuildQueueFull); (err == nil) != full {
			t.Errorf("%v: the sweep fails with %v", fails, err)
		}
		record, _, _ := w.Images.Image(t.Context(), standing(h).Tag())
		lock, _ := w.Images.BuildLock(t.Context(), standing(h).Tag())
		if (record.Failure != nil) != remembered || lock.Owner != "" {
			t.Errorf("%v: the record is %+v, the lock %+v", fails, record, lock)
		}
	}
}

// Images that jobs name are built apart: if those builds are full, builds of the
// fleet's own images go on.
func TestBuildsOnDemandDoNotHoldUpTheOthers(t *testing.T) {
	w := lifecycletest.New(t)
	h := imageSweep(w)
	h.Policy.ExtraImages = map[string]string{"android": "Dockerfile"}
	first := node // in the list of all images, which is sorted by their tags here
	for i := 0; slices.ContainsFunc(h.Policy.StandingImages(), func(s fleet.ImageSpec) bool { return s.Tag() < first.Tag() }); i++ {
		first.Name = fmt.Sprint("docker.io/library/node:", i)
	}
	for i, spec := range append(h.Policy.StandingImages(), first) {
		w.Images.Have(spec, fmt.Sprint("sha256:", i))
	}
	w.GitHub.Latest = fleet.RunnerRelease{Version: "2.336.0"}
	h.Builder = fullOnDemand{w.Images}
	if got := built(t, w, h); !slices.Contains(got, "v1 2") || !slices.Contains(got, "android 2") {
		t.Errorf("builds %q", got)
	}
}

// fullOnDemand builds only the fleet's own images.
type fullOnDemand struct{ *lifecycletest.Images }

func (f fullOnDemand) Build(ctx context.Context, order fleet.BuildOrder) error {
	if order.Spec.Kind == fleet.OnDemandImage {
		return fleet.Errorf(fleet.ImageBuildQueueFull, "one is being built")
	}
	return f.Images.Build(ctx, order)
}

// A sweep that is killed between the lock and the build leaves the lock for a lease.
// Then the next sweep starts the build, under a lock of its own.
func TestBackgroundBuildsKilled(t *testing.T) {
	calm := lifecycletest.New(t)
	_, _ = calm.Suffer(lifecycletest.Fault{}, func() error { _, err := imageSweep(calm).Run(t.Context()); return err })
	for n := 1; n <= calm.Points(); n++ {
		for _, after := range []bool{false, true} {
			w := lifecycletest.New(t)
			_, _ = w.Suffer(lifecycletest.Fault{Point: n, After: after}, func() error { _, err := imageSweep(w).Run(t.Context()); return err })
			w.Pass(time.Minute)
			_, _ = imageSweep(w).Run(t.Context())
			if most := len(w.Images.Orders); most > 1 {
				t.Errorf("killed at %d: %d builds at once", n, most)
			}
			w.Pass(time.Hour)
			_, _ = imageSweep(w).Run(t.Context())
			lock, _ := w.Images.BuildLock(t.Context(), standing(imageSweep(w)).Tag())
			if !lock.Held(w.Now()) || len(w.Images.Orders) == 0 || w.Images.Orders[len(w.Images.Orders)-1].Owner != lock.Owner {
				t.Errorf("killed at %d: the lock is %+v, the orders are %+v", n, lock, w.Images.Orders)
			}
		}
	}
}

type published map[string]string

func (p published) Published(_ context.Context, tag string) (string, bool, error) {
	return p[tag], p[tag] != "", nil
}

// fails makes the last build of an image a failed one, just now.
func fails(w *world, spec fleet.ImageSpec) {
	failed(w, spec, fleet.BuildFailure{At: w.Now(), Reason: "no such base"})
}

// passes does so for a reason that passes.
func passes(w *world, spec fleet.ImageSpec) {
	failed(w, spec, fleet.BuildFailure{At: w.Now(), Reason: "too many pulls", MayPass: true})
}

func failed(w *world, spec fleet.ImageSpec, f fleet.BuildFailure) {
	_, _ = lifecycle.ChangeImage(context.Background(), w.Images, spec.Tag(), func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		r.Spec = spec
		return r.Failed(f), true
	})
}
