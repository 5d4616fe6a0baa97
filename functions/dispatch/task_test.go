package dispatch_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Only GitHub knows whether a runner that has claimed has a job. The end that is under
// way stops its task, after it has deleted the registration.
func TestATaskThatMayHaveAJobIsNotStopped(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.EditRunner(id, func(r *fleet.Runner) { r.Phase, r.TaskVersion = fleet.Closing, 0 })
	if err := handle(w, w.Event(fleet.TaskEvent, w.Tasks.Runs(id))); err != nil {
		t.Fatal(err)
	}
	if w.Tasks.Asked(w.Tasks.Of(id).ARN) {
		t.Error("the task of a runner that may have a job is stopped")
	}
}
