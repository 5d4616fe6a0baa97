package lifecycle_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// contended is a table in which another change comes first each time.
type contended struct{ lifecycle.Records }

func (contended) Write(context.Context, fleet.Changes) error {
	return fleet.Errorf(fleet.RecordsConflict, "another change came first")
}

// An execution without a record would start a task that nothing counts.
func TestALaunchThatIsNotWrittenStartsNothing(t *testing.T) {
	w := lifecycletest.New(t)
	w.Launch(w.Job(7))
	w.EditRun("job-7", forget)
	started := w.Executions.Count()
	f := w.Fleet()
	f.Records = contended{f.Records}
	if runner, err := f.Launch(t.Context(), "job-7"); !fleet.IsNamed(err, fleet.RecordsConflict) || runner != "" || w.Executions.Count() != started {
		t.Errorf("launched %q, %v; %d executions after %d", runner, err, w.Executions.Count(), started)
	}
}

// The sweep runs once a minute: without launches by events a part of each minute would
// be lost.
func TestRunsThatWaitForThePaceAreLaunchedByEvents(t *testing.T) {
	launched := func(w *world, from, to int64) (n int) {
		for id := from; id <= to; id++ {
			if w.Run(fleet.RunID(id)).RunnerID != "" {
				n++
			}
		}
		return n
	}
	w := lifecycletest.New(t)
	f := w.Fleet()
	f.MaxRunners = 1000
	queue := func(from, to int64) {
		for id := from; id <= to; id++ {
			if err := f.Queued(t.Context(), w.Job(id), fleet.Wants{}, w.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	queue(1, 100)
	if n := launched(w, 1, 100); n != 60 {
		t.Fatalf("%d of a burst are launched", n)
	}
	for i, want := range []int{60, 70, 74} { // at most ten for an event, and fourteen in ten seconds
		if i == 1 {
			w.Pass(10 * time.Second)
		}
		if err := f.LaunchPaced(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := launched(w, 1, 100); n != want {
			t.Errorf("after %d events %d are launched, want %d", i+1, n, want)
		}
	}
}

func TestAnEventLooksForNoWaitingRunsWhileFewAreLaunched(t *testing.T) {
	w := lifecycletest.New(t)
	w.Launch(w.Job(7))
	before := w.Records.Reads
	if err := w.Fleet().LaunchPaced(t.Context()); err != nil || w.Records.Reads > before+1 {
		t.Errorf("%v after %d reads", err, w.Records.Reads-before)
	}
}
