package lifecycle_test

import (
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// GitHub removes an ephemeral runner that ends well. A runner whose container crashed in
// its job stays registered until the fleet deletes it.
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

// A stopped task has no job and takes none, so its runner's end does not depend on
// GitHub's answers, and asks GitHub to delete one registration at most.
func TestTheEndOfAStoppedRunnerDoesNotWaitForGitHub(t *testing.T) {
	runners := map[string]func(w *lifecycletest.World) string{
		"it took no job":             func(w *lifecycletest.World) string { return w.Idle(w.Job(7)) },
		"it crashed in its job":      func(w *lifecycletest.World) string { return w.Busy(w.Job(7)) },
		"its end had begun":          ending,
		"it claimed a hundred times": func(w *lifecycletest.World) string { id := w.Idle(w.Job(7)); claims(w, id, 100); return id },
	}
	answers := map[string]error{
		"GitHub is down":           fleet.Errorf(fleet.GitHubUnavailable, "down"),
		"GitHub limits us":         fleet.Errorf(fleet.GitHubRateLimited, "429"),
		"GitHub calls it busy":     fleet.Errorf(fleet.GitHubRunnerBusy, "422"),
		"GitHub deletes it":        nil,
		"GitHub does not know it":  fleet.Errorf(fleet.GitHubNotFound, "404"),
		"there is no credential":   fleet.Errorf(fleet.SecretMissing, "no secret"),
		"GitHub refuses our token": fleet.Errorf(fleet.GitHubUnauthorized, "401"),
	}
	for runner, setup := range runners {
		for answer, err := range answers {
			t.Run(runner+", and "+answer, func(t *testing.T) {
				w := lifecycletest.New(t)
				id := setup(w)
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus, r.ExitCode = fleet.TaskStopped, new(137) })
				for _, method := range []string{"Delete", "Registration", "Job"} {
					w.GitHub.Fails[method] = err
				}
				asked := len(w.GitHub.Calls)
				if _, _, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerStoppedEarly, "it crashed"); err != nil {
					t.Fatal(err)
				}
				calls := w.GitHub.Calls[asked:]
				deletions := slices.DeleteFunc(slices.Clone(calls), func(method string) bool { return method == "Job" })
				if r := w.Runner(id); r.Phase != fleet.Closed || !slices.Equal(deletions, []string{"Delete"}) || len(calls) > 2 {
					t.Errorf("the runner is %s; GitHub was asked %q", r.Phase, calls)
				}
			})
		}
	}
}

func ending(w *lifecycletest.World) string {
	id := w.Idle(w.Job(7))
	w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("idle", w.Now()) })
	return id
}

func claims(w *lifecycletest.World, id string, n int) {
	w.EditRunner(id, func(r *fleet.Runner) { r.Claims = n })
}

// A runner whose end has to be tried again waits for no signal: otherwise the sweep
// would signal it each minute and count a repair.
func TestAnEndThatIsTriedAgainForgetsTheToken(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "down")
	if _, _, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerIdleTimeout, "idle"); !fleet.IsNamed(err, fleet.GitHubUnavailable) {
		t.Fatal(err)
	}
	if r := w.Runner(id); r.TaskToken != "" || r.WaitingFor != "" || r.Phase != fleet.Closing {
		t.Errorf("it is %s and waits for %q", r.Phase, r.WaitingFor)
	}
}
