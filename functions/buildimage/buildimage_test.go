package buildimage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

var spec = fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}

func run(t *testing.T, w *world, id string) (fleet.Image, error) { return runAfter(t, w, id, "") }

// runAfter runs the step after ResolveImage found that the image with a digest was
// deleted.
func runAfter(t *testing.T, w *world, id, deleted string) (fleet.Image, error) {
	return buildimage.Step{Fleet: w.Fleet(), Images: w.Images, Builder: w.Images}.Run(t.Context(), callOf(w, id, deleted))
}

func callOf(w *world, id, deleted string) fleet.Call {
	return fleet.Call{
		RunnerID: id, State: "BuildImage", TaskToken: w.Executions.Token(id),
		Document: fleet.Document{
			Plan:  &fleet.Plan{ImageSpec: &spec, BuildLeaseSeconds: 900},
			Image: &fleet.Image{Outcome: fleet.ImageMissing, Tag: spec.Tag(), Digest: deleted},
		},
	}
}

func TestTheFirstBuildsAndTheOthersWait(t *testing.T) {
	w := lifecycletest.New(t)
	first, second := w.Launch(w.Job(1)), w.Launch(w.Job(2))
	for _, id := range []string{first, second, first} {
		if got, err := run(t, w, id); err != nil || got.Outcome != fleet.ImageMissing {
			t.Fatalf("%s: %+v, %v", id, got, err)
		}
	}
	if want := spec.Tag() + " for " + fleet.BuildOwner(first, w.Now()); !slices.Equal(slices.Compact(w.Images.Builds), []string{want}) {
		t.Errorf("builds %q", w.Images.Builds)
	}
	for _, id := range []string{first, second} {
		r := w.Runner(id)
		if r.WaitingFor != fleet.WaitForImage || r.Status != fleet.RunnerImageCreating || w.Run(r.RunID).Status != fleet.RunImageCreating || !w.Executions.Open(id) {
			t.Errorf("%s waits for %q as %s", id, r.WaitingFor, r.Status)
		}
	}
}

func TestTheNextOwnsTheBuildAfterItsLease(t *testing.T) {
	w := lifecycletest.New(t)
	first, second := w.Launch(w.Job(1)), w.Launch(w.Job(2))
	var want []string
	for _, id := range []string{first, first, second} {
		want = append(want, spec.Tag()+" for "+fleet.BuildOwner(id, w.Now()))
		if _, err := run(t, w, id); err != nil {
			t.Fatal(err)
		}
		w.Pass(16 * time.Minute)
	}
	if !slices.Equal(w.Images.Builds, want) {
		t.Errorf("builds %q, want %q", w.Images.Builds, want)
	}
}

func TestFinishedMeanwhile(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	w.After("Images.JoinBuild", func() { w.Images.Have(spec, "sha256:1") })
	got, err := run(t, w, id)
	if err != nil || got.Outcome != fleet.ImageReady || got.Digest != "sha256:1" {
		t.Errorf("%+v, %v", got, err)
	}
	if len(w.Executions.Signals) != 1 || !strings.Contains(w.Executions.Signals[0], "sha256:1") || len(w.Images.Builds) != 0 {
		t.Errorf("signals %q, builds %q", w.Executions.Signals, w.Images.Builds)
	}
	if lock, _ := w.Images.BuildLock(t.Context(), spec.Tag()); lock.Owner != "" {
		t.Errorf("no build runs, and %s has the lock", lock.Owner)
	}
}

func TestFinishedWhileAnotherOwnsTheLock(t *testing.T) {
	w := lifecycletest.New(t)
	first, second := w.Launch(w.Job(1)), w.Launch(w.Job(2))
	if _, err := run(t, w, first); err != nil {
		t.Fatal(err)
	}
	w.After("Images.JoinBuild", func() { w.Images.Have(spec, "sha256:1") })
	if got, err := run(t, w, second); err != nil || got.Outcome != fleet.ImageReady {
		t.Errorf("%+v, %v", got, err)
	}
	if lock, _ := w.Images.BuildLock(t.Context(), spec.Tag()); !slices.Contains(lock.Waiters, first) {
		t.Errorf("the build that %s waits for is forgotten: %+v", first, lock)
	}
}

// A record stays when its image is deleted: it must not end the build that is to
// replace the image.
func TestTheRecordOfADeletedImage(t *testing.T) {
	for digest, builds := range map[string]int{"sha256:deleted": 1, "sha256:2": 0} {
		w := lifecycletest.New(t)
		id := w.Launch(w.Job(1))
		w.Images.Have(spec, digest)
		if _, err := runAfter(t, w, id, "sha256:deleted"); err != nil || len(w.Images.Builds) != builds || w.Executions.Open(id) != (builds == 1) {
			t.Errorf("recorded is %s: %v, builds %q", digest, err, w.Images.Builds)
		}
	}
}

func TestLetGo(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(1)
	id := w.Launch(job)
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(job, "cancelled")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, w, id); err != nil || len(w.Images.Builds) != 0 {
		t.Errorf("%v, builds %q", err, w.Images.Builds)
	}
	if len(w.Executions.Signals) != 1 || !strings.Contains(w.Executions.Signals[0], "failed Runner.NotWanted") {
		t.Errorf("signals %q", w.Executions.Signals)
	}
}

func TestBuildFailed(t *testing.T) {
	w := lifecycletest.New(t)
	w.Images.Fails = errors.New("no such project")
	_, err := run(t, w, w.Launch(w.Job(1)))
	if fleet.ErrorName(err) != fleet.ImageBuildFailed || !errors.Is(err, w.Images.Fails) {
		t.Errorf("%v", err)
	}
}

// A build that can never start fails for all waiting runners, and not each of them
// tries it.
func TestABuildThatCannotStartForGood(t *testing.T) {
	w := lifecycletest.New(t)
	w.Launch(w.Job(1))
	w.Launch(w.Job(2))
	w.Images.Fails = errors.New("no such project")
	owner, _ := w.Images.JoinBuild(t.Context(), spec.Tag(), "fleet-1-1", w.Now(), time.Hour)
	if _, err := run(t, w, "fleet-2-1"); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, w, "fleet-1-1")
	if fleet.ErrorName(err) != fleet.ImageBuildFailed {
		t.Errorf("the owner got %v", err)
	}
	if lock, _ := w.Images.BuildLock(t.Context(), spec.Tag()); lock.Owner != "" || w.Executions.Open("fleet-2-1") {
		t.Errorf("%s still waits: lock %+v", owner, lock)
	}
	w.Launch(w.Job(3))
	if _, err := run(t, w, "fleet-3-1"); fleet.ErrorName(err) != fleet.ImageBuildFailed || !strings.Contains(err.Error(), "no such project") {
		t.Errorf("who comes next got %v", err)
	}
	if lock, _ := w.Images.BuildLock(t.Context(), spec.Tag()); lock.Owner != "" {
		t.Errorf("who comes next left its lock: %+v", lock)
	}
}

func TestWhatIsOrdered(t *testing.T) {
	for name, c := range map[string]struct {
		before   func(*world)
		revision int
	}{
		"the first revision": {func(*world) {}, 1},
		"the next one of an image that is outdated": {func(w *world) {
			w.Images.Have(spec, "sha256:1")
			_, _ = lifecycle.ChangeImage(t.Context(), w.Images, spec.Tag(), func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
				r.Outdated = "GitHub gives no jobs to its runner"
				return r, true
			})
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.before(w)
			id := w.Launch(w.Job(1))
			release := fleet.RunnerRelease{Version: "2.336.0", SHA256: map[fleet.Arch]string{fleet.X64: "ab"}}
			step := buildimage.Step{Fleet: w.Fleet(), Images: w.Images, Builder: w.Images, Release: func(context.Context) (fleet.RunnerRelease, error) { return release, nil }}
			if _, err := step.Run(t.Context(), callOf(w, id, "")); err != nil {
				t.Fatal(err)
			}
			want := []fleet.BuildOrder{{Spec: spec, Tag: spec.Tag(), Revision: c.revision, Owner: fleet.BuildOwner(id, w.Now()), Release: release}}
			if diff := cmp.Diff(want, w.Images.Orders); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
			if record, _, _ := w.Images.Image(t.Context(), spec.Tag()); record.Spec != spec {
				t.Errorf("the record does not say of what: %+v", record)
			}
		})
	}
}

func TestABuildThatCannotStart(t *testing.T) {
	for fails, want := range map[error]string{
		errors.New("no such project"):                                   fleet.ImageBuildFailed,
		fleet.Errorf(fleet.ImageBuildQueueFull, "CodeBuild is full"):    fleet.ImageBuildQueueFull,
		fleet.Errorf(fleet.AWSUnavailable, "CodeBuild does not answer"): fleet.AWSUnavailable,
	} {
		w := lifecycletest.New(t)
		w.Launch(w.Job(1))
		w.Images.Fails = fails
		if _, err := run(t, w, "fleet-1-1"); fleet.ErrorName(err) != want {
			t.Errorf("%v: got %v, want %s", fails, err, want)
		}
		if reason := w.Run("job-1").Reason; (want != fleet.ImageBuildFailed) != strings.HasPrefix(reason, want) {
			t.Errorf("%v: the run shows %q", fails, reason)
		}
		w.Images.Fails = nil
		if want == fleet.ImageBuildFailed {
			w.Pass(fleet.FailedBuildPause)
		}
		if _, err := run(t, w, "fleet-1-1"); err != nil || len(w.Images.Builds) != 1 {
			t.Errorf("%v: the build is not started again: %v %v", fails, w.Images.Builds, err)
		}
	}
}

func TestKilled(t *testing.T) {
	cases := map[string]func(*world){
		"the first": func(w *world) { w.Launch(w.Job(1)) },
		"another": func(w *world) {
			w.Launch(w.Job(1))
			_, _ = w.Images.JoinBuild(t.Context(), spec.Tag(), "fleet-2-1", w.Now(), time.Hour)
		},
		"finished meanwhile": func(w *world) {
			w.Launch(w.Job(1))
			w.Images.Have(spec, "sha256:1")
		},
		"let go": func(w *world) {
			job := w.Job(1)
			w.Launch(job)
			_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(job, "cancelled"))
		},
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); before(w); return w },
				func(w *world) error {
					_, err := run(t, w, "fleet-1-1")
					if fleet.IsNamed(err, fleet.ImageBuildFailed) {
						return fleet.Errorf(fleet.RecordsUnavailable, "%w", err) // the fault was in Build
					}
					return err
				}, nil)
		})
	}
}

// counting is the step of a fleet in which a repository may have two images built a day.
func counting(w *world) buildimage.Step {
	return buildimage.Step{Fleet: w.Fleet(), Images: w.Images, Builder: w.Images, Counts: w.Records, OnDemandBuilds: 2}
}

// joins has a job of a repository ask for an image.
func joins(t *testing.T, w *world, id int64, repository, image string) (string, error) {
	t.Helper()
	job := w.Job(id)
	job.Repository = repository
	runner := w.Launch(job)
	call := callOf(w, runner, "")
	spec := spec
	spec.Name = image
	call.Document.Job.Repository, call.Document.Plan.ImageSpec, call.Document.Image.Tag = repository, &spec, spec.Tag()
	step := counting(w)
	_, err := step.Run(t.Context(), call)
	if err == nil { // repeated, it is the same build
		_, err = step.Run(t.Context(), call)
	}
	return runner, err
}

func TestBuildsOfADay(t *testing.T) {
	w := lifecycletest.New(t)
	for i, image := range []string{"node:1", "node:2"} {
		if _, err := joins(t, w, int64(i+1), "octo-org/hello", image); err != nil {
			t.Fatal(err)
		}
	}
	_, err := joins(t, w, 3, "Octo-Org/Hello", "node:3")
	if fleet.ErrorName(err) != fleet.ImageBuildsSpent || !strings.Contains(err.Error(), "Octo-Org/Hello have had 2 images built today") {
		t.Fatalf("the third of a repository: %v", err)
	}
	third := spec
	third.Name = "node:3"
	if lock, _ := w.Images.BuildLock(t.Context(), third.Tag()); lock.Owner != "" {
		t.Errorf("the lock stays: %+v", lock)
	}
	if _, err := joins(t, w, 4, "octo-org/hello", "node:2"); err != nil {
		t.Errorf("a build that goes on already: %v", err)
	}
	if _, err := joins(t, w, 5, "octo-org/other", "node:3"); err != nil {
		t.Errorf("another repository's: %v", err)
	}
	w.Pass(24 * time.Hour)
	if _, err := joins(t, w, 6, "octo-org/hello", "node:6"); err != nil {
		t.Errorf("the next day: %v", err)
	}
	seen := map[string]bool{}
	for _, o := range w.Images.Orders {
		seen[o.Spec.Name] = true
	}
	if len(seen) != 4 || len(w.Images.Orders) != 8 { // each is asked for twice
		t.Errorf("built are %v, in %d orders", seen, len(w.Images.Orders))
	}
}

// A rule's builds are those of all jobs that it admits, whatever their repository. A build
// that the rule has not left is none of the repository's either.
func TestBuildsOfADayOfARule(t *testing.T) {
	w := lifecycletest.New(t)
	step := counting(w)
	step.OnDemandBuilds, step.BuildsOfRules = 2, map[string]int{"tools": 1}
	build := func(id int64, repository, rule string) error {
		t.Helper()
		call := callOf(w, w.Launch(w.Job(id)), "")
		spec := spec
		spec.Name = fmt.Sprintf("docker.io/library/node:%d", id)
		call.Document.Job.Repository, call.Document.Plan.ImageSpec, call.Document.Image.Tag = repository, &spec, spec.Tag()
		call.Document.Plan.Rule = rule
		_, err := step.Run(t.Context(), call)
		return err
	}
	if err := build(1, "octo/one", "policy.tools"); err != nil {
		t.Fatal(err)
	}
	for id, repository := range []string{"octo/two", "octo/two", "octo/two"} {
		err := build(int64(id+2), repository, "policy.tools")
		if fleet.ErrorName(err) != fleet.ImageBuildsSpent || !strings.Contains(err.Error(), "jobs that rule tools admits have had 1 images built today, as many as its on_demand_builds_per_day lets them") {
			t.Errorf("of another repository: %v", err)
		}
	}
	for id, rule := range []string{"policy.other", ""} {
		if err := build(int64(id+5), "octo/two", rule); err != nil {
			t.Errorf("by rule %q: %v", rule, err)
		}
	}
	w.Pass(24 * time.Hour)
	if err := build(9, "octo/two", "policy.tools"); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// Runners that wait under the lock of a repository without builds left look again.
func TestRunnersThatWaitUnderASpentLock(t *testing.T) {
	w := lifecycletest.New(t)
	for i, image := range []string{"node:1", "node:2"} {
		if _, err := joins(t, w, int64(i+1), "octo-org/hello", image); err != nil {
			t.Fatal(err)
		}
	}
	third := spec
	third.Name = "node:3"
	other := w.Launch(w.Job(7))
	if _, err := w.Fleet().StoreToken(t.Context(), other, w.Executions.Token(other), fleet.WaitForImage, fleet.RunnerImageCreating); err != nil {
		t.Fatal(err)
	}
	w.After("Records.Cursor", func() {
		if _, err := w.Images.JoinBuild(t.Context(), third.Tag(), other, w.Now(), time.Hour); err != nil {
			t.Error(err)
		}
	})
	id, err := joins(t, w, 8, "octo-org/hello", "node:3")
	if fleet.ErrorName(err) != fleet.ImageBuildsSpent {
		t.Fatal(err)
	}
	if told := w.Executions.Signals; len(told) != 1 || !strings.HasPrefix(told[0], other+" failed "+fleet.ImageBuildLost) {
		t.Errorf("signals %q, want none to %s, which fails by itself", told, id)
	}
}

// The fleet's own images count for no repository.
func TestBuildsOfStandingImagesAreNotCounted(t *testing.T) {
	w := lifecycletest.New(t)
	step := counting(w)
	for id := int64(1); id < 5; id++ {
		runner := w.Launch(w.Job(id))
		call := callOf(w, runner, "")
		own := fleet.ImageSpec{Kind: fleet.ExtraImage, Name: fmt.Sprint("tools-", id), Arch: fleet.X64}
		call.Document.Plan.ImageSpec, call.Document.Image.Tag = &own, own.Tag()
		if _, err := step.Run(t.Context(), call); err != nil {
			t.Error(err)
		}
	}
}
