package lifecycle_test

import (
	"context"
	"testing"

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
