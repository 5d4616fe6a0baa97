package sweep_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// What a runner's own execution does while a sweep walks its list is no repair.
func TestNoRepairIsCountedForARunnerThatGetsOn(t *testing.T) {
	cases := map[string]struct {
		before func(w *world, id string)
		during func(w *world, id string)
	}{
		"it closes, and its execution ends": {
			before: func(*world, string) {},
			during: func(w *world, id string) { closeRunner(w, id); w.Executions.End(id) },
		},
		"it closes after its execution was seen to have ended": {
			before: func(w *world, id string) { w.Executions.End(id) },
			during: func(w *world, id string) { closeRunner(w, id) },
		},
		"it is signalled": {
			before: func(w *world, id string) {
				task := w.Tasks.Ends(id, 0)
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
			},
			during: func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { *r = r.Forget() }) },
		},
		"it is ended": {
			before: func(w *world, id string) {
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("idle", w.Now()) })
			},
			during: closeRunner,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Idle(w.Job(7))
			c.before(w, id)
			w.EditRun("job-7", status(fleet.RunCancelled))
			w.GitHub.Set(completed(w.Job(7), "cancelled"))
			w.Pass(grace)
			w.After("Executions.Running", func() { c.during(w, id) })
			got, err := run(w)
			delete(got, sweep.RegistrationLeft)
			if err != nil || len(got) > 0 {
				t.Errorf("repaired %v, %v", got, err)
			}
		})
	}
}
