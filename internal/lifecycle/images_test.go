package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// joins has a runner wait for an image, and returns the build's owner if the runner is
// it.
func joins(t *testing.T, w *world, id string) (owner string) {
	t.Helper()
	if _, err := w.Fleet().StoreToken(t.Context(), id, w.Executions.Token(id), fleet.WaitForImage, fleet.RunnerImageCreating); err != nil {
		t.Fatal(err)
	}
	owner, err := w.Images.JoinBuild(t.Context(), "tag", id, w.Now(), 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return owner
}

// A runner that joins a build just when the build's end is recorded may have read the
// older record. The fleet signals it with the others; otherwise it would wait for a
// lease.
func TestARunnerJoinsWhileTheBuildsEndIsRecorded(t *testing.T) {
	for status, want := range map[string]string{
		fleet.BuildSucceeded: `succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`,
		fleet.BuildFailed:    "failed Image.BuildFailed: typo",
	} {
		t.Run(status, func(t *testing.T) {
			w := lifecycletest.New(t)
			first, second := w.Launch(w.Job(1)), w.Launch(w.Job(2))
			build := fleet.Build{Tag: "tag", Owner: joins(t, w, first), Status: status, Digest: "sha256:1", Reason: "typo"}
			w.After("Images.Image", func() { joins(t, w, second) })
			if err := w.Fleet().BuildEvent(t.Context(), w.Images, build); err != nil {
				t.Fatal(err)
			}
			if told := w.Executions.Signals; !slices.Equal(told, []string{first + " " + want, second + " " + want}) {
				t.Errorf("signals %q, want that both runners get %q", told, want)
			}
			if lock, err := w.Images.BuildLock(t.Context(), "tag"); err != nil || lock.Owner != "" {
				t.Errorf("the lock is %+v, %v", lock, err)
			}
		})
	}
}

// A build's end is recorded before runners are signalled. If the process dies in
// between, the next job finds the image and does not have it built once more.
func TestABuildsEndIsRecordedBeforeItIsSignalled(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	owner := joins(t, w, id)
	told := false
	w.After("Executions.Succeed", func() {
		told = true
		if record, _, err := w.Images.Image(t.Context(), "tag"); err != nil || record.Digest != "sha256:1" {
			t.Errorf("when the runner is signalled, the record is %+v, %v", record, err)
		}
	})
	build := fleet.Build{Tag: "tag", Owner: owner, Status: fleet.BuildSucceeded, Digest: "sha256:1"}
	if err := w.Fleet().BuildEvent(t.Context(), w.Images, build); err != nil || !told {
		t.Errorf("%v; the runner was signalled: %t", err, told)
	}
}

// A failure that passes by itself has a name of its own, both in the signals and for the
// next runner that reads the record. A build that succeeds ends both holds.
func TestABuildThatFailsForAReasonThatPasses(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	owner := joins(t, w, id)
	build := fleet.Build{Tag: "tag", Owner: owner, Status: fleet.BuildFailed, Reason: "docker.io takes no more pulls", MayPass: true}
	if err := w.Fleet().BuildEvent(t.Context(), w.Images, build); err != nil {
		t.Fatal(err)
	}
	if want := []string{id + " failed Image.SourceUnavailable: docker.io takes no more pulls"}; !slices.Equal(w.Executions.Signals, want) {
		t.Errorf("signals %q", w.Executions.Signals)
	}
	record, _, err := w.Images.Image(t.Context(), "tag")
	if err != nil || fleet.ErrorName(record.Broken(w.Now())) != fleet.ImageSourceUnavailable || record.Rests(w.Now().Add(fleet.PassingBackgroundPause)) {
		t.Errorf("%+v, %v", record, err)
	}
	if holds := fleet.BuildHolds("tag"); !slices.Equal(holds, []string{"build/tag", "source/tag"}) {
		t.Errorf("a build ends %q", holds)
	}
}

// A build was stopped. The first runner that is signalled asks for the image again
// before the others are signalled: it begins the next build, and does not wait for the
// end of this one.
func TestARunnerAsksAgainWhileOthersAreSignalled(t *testing.T) {
	for name, again := range map[string]int{"the owner": 0, "another": 1} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			ids := []string{w.Launch(w.Job(1)), w.Launch(w.Job(2)), w.Launch(w.Job(3))}
			first := joins(t, w, ids[0])
			joins(t, w, ids[1])
			joins(t, w, ids[2])
			w.Pass(time.Minute)
			var next string
			w.After("Executions.Fail", func() { next = joins(t, w, ids[again]) })
			if err := w.Fleet().BuildEvent(t.Context(), w.Images, fleet.Build{Tag: "tag", Owner: first, Status: fleet.BuildStopped, Reason: "stopped"}); err != nil {
				t.Fatal(err)
			}
			if next == "" || next == first {
				t.Errorf("the runner that asks again owns %q, want a build of its own", next)
			}
			lock, err := w.Images.BuildLock(t.Context(), "tag")
			if err != nil || lock.Owner != next || !lock.Held(w.Now()) {
				t.Errorf("the lock is %+v, %v, want that of %s", lock, err, next)
			}
			if len(w.Executions.Signals) != 3 {
				t.Errorf("signals %q, want all three", w.Executions.Signals)
			}
		})
	}
}
