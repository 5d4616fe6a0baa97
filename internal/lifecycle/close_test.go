package lifecycle_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// GitHub removes an ephemeral runner that ends well. One whose container crashed in its
// job stays registered until the fleet deletes it.
func TestARunnerThatCrashedInItsJobIsDeregistered(t *testing.T) {
	for name, exit := range map[string]*int{"its container failed": new(137), "its exit code is not known": nil} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Busy(w.Job(7))
			w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = false
			w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus, r.ExitCode = fleet.TaskStopped, exit })
			if _, _, err := w.Fleet().Finish(t.Context(), id, nil, "", ""); err != nil {
				t.Fatal(err)
			}
			if left := w.GitHub.Names(); len(left) != 0 || w.Runner(id).Phase != fleet.Closed {
				t.Errorf("GitHub still has %q; the runner is %s", left, w.Runner(id).Phase)
			}
		})
	}
}
