package lifecycle_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// shared is a fleet in which the repository may have two runners of three.
func shared(w *world) lifecycle.Fleet {
	f := w.Fleet()
	f.MaxRunners, f.MaxPerRepository = 3, 2
	return f
}

// A run that waits for its repository's share is launched when a runner of the
// repository closes, also if a run before it is already launched and only about to leave
// the list.
func TestARunnerThatClosesGivesItsShareOn(t *testing.T) {
	w := lifecycletest.New(t)
	f := shared(w)
	for id := int64(1); id <= 4; id++ {
		if err := f.Queued(t.Context(), w.Job(id), fleet.Wants{}, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for id, waits := range map[string]bool{"job-1": false, "job-2": false, "job-3": true, "job-4": true} {
		if run := w.Run(id); run.WaitsForShare != waits {
			t.Errorf("%s waits for its share: %t (%s)", id, run.WaitsForShare, run.Reason)
		}
	}
	w.EditRun("job-3", func(r *fleet.Run) { r.RunnerID = "fleet-3-1" })
	if _, _, err := f.Finish(t.Context(), "fleet-1-1", nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if w.Run("job-1").RunnerID == "" && w.Run("job-4").RunnerID == "" {
		t.Errorf("no run was launched:\n%s", w.State())
	}
}

// A run whose turn it is, but which a hold keeps, is in no other run's way.
func TestAHoldTakesARunOutOfTheQueue(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1
	first := w.Launch(w.Job(1))
	held, other := w.Job(2), w.Job(3, "self-hosted", "class:large")
	w.Launch(held)
	w.Launch(other)
	finish(t, w, first, fleet.RunnerLaunchFailed)
	if run := w.Run("job-2"); run.WaitsForRoom || run.Shown() != fleet.RunRetrying {
		t.Errorf("the held run is %s: %s", run.Shown(), run.Reason)
	}
	if w.Run("job-3").RunnerID == "" {
		t.Errorf("the other one waits behind it:\n%s", w.State())
	}
}
