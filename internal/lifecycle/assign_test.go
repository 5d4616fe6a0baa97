package lifecycle_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Jobs of which the fleet got no webhook take one runner of a run after the other. At
// some point the run is left to the sweep: otherwise every such job would start a
// runner.
func TestARunThatIsDisplacedAgainAndAgain(t *testing.T) {
	w := lifecycletest.New(t)
	runner := w.Idle(w.Job(7))
	take := func(job int64) {
		t.Helper()
		taken := lifecycletest.InProgress(w.Job(job), fleet.RunnerName(runner, 1))
		if err := w.Fleet().Took(t.Context(), taken, runner, w.Now()); err != nil {
			t.Fatal(err)
		}
		runner = w.Run("job-7").RunnerID
	}
	for n := 1; n <= fleet.MaxDisplaced; n++ {
		before := runner
		if take(int64(100 + n)); runner == "" || runner == before {
			t.Fatalf("displaced %d times, the run expects %q", n, runner)
		}
	}
	launched := w.Executions.Count()
	take(200)
	if run := w.Run("job-7"); runner != "" || run.Status != fleet.RunQueued || !run.Wanted() || w.Executions.Count() != launched {
		t.Errorf("displaced %d times, the run is %s and expects %q; %d executions", run.Displaced, run.Status, runner, w.Executions.Count())
	}
}
