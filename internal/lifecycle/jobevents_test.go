package lifecycle_test

import (
	"errors"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestAskAfter(t *testing.T) {
	down := fleet.Errorf(fleet.GitHubUnavailable, "down")
	for name, c := range map[string]struct {
		setup  func(w *world, id string)
		took   int64
		untold bool
		noJob  bool
	}{
		"it has the job that it was meant for": {setup: func(w *world, id string) { w.GitHub.Set(lifecycletest.InProgress(w.Job(7), id+".1")) }, took: 7},
		"so it has, and no run expects it any more": {setup: func(w *world, id string) {
			w.GitHub.Set(lifecycletest.InProgress(w.Job(7), id+".1"))
			w.EditRunner(id, func(r *fleet.Runner) { r.For = "" })
		}, took: 7},
		"the job waits":                {setup: func(*world, string) {}},
		"GitHub does not answer":       {setup: func(w *world, _ string) { w.GitHub.Fails["Job"] = down }, untold: true},
		"GitHub does not show the job": {setup: func(w *world, _ string) { w.GitHub.Gone(7) }, untold: true, noJob: true},
		"its run has no record": {setup: func(w *world, id string) {
			w.EditRunner(id, func(r *fleet.Runner) { r.For = "job-404" })
		}, untold: true, noJob: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Idle(w.Job(7))
			c.setup(w, id)
			runner, err := w.Fleet().AskAfter(t.Context(), w.Runner(id))
			untold, ok := errors.AsType[lifecycle.Untold](err)
			if ok != c.untold || (err != nil) != c.untold || untold.NoSuchJob != c.noJob {
				t.Errorf("%v (no such job: %t)", err, untold.NoSuchJob)
			}
			if runner.RunnerID != id || runner.Took != c.took {
				t.Errorf("runner %s took %d, want %d", runner.RunnerID, runner.Took, c.took)
			}
		})
	}
}
