package sweep_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// unresolved is a world in which the runner of job 7 ran job 8, and no webhook
// about job 8 ever came.
func unresolved(t *testing.T) *world {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Set(completed(inProgress(w.Job(8), id+".1"), "success"))
	w.GitHub.Unlisted[8] = true
	w.GitHub.Remove(id + ".1")
	w.EditRunner(id, func(r *fleet.Runner) { r.ExitCode = new(int) })
	if _, _, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerStoppedEarly, "exit 0"); err != nil {
		t.Fatal(err)
	}
	w.Pass(grace)
	return w
}

func TestAJobOfWhichNoWebhookCame(t *testing.T) {
	w := unresolved(t)
	repairs := mustSweep(t, w)
	if run := w.Run("job-8"); run.Status != fleet.RunCompleted || run.RanOn != "fleet-7-1" || repairs[sweep.CompletedLost] != 1 {
		t.Errorf("repairs %v:\n%s", repairs, w.State())
	}
	if w.Runner("fleet-7-1").Took != 8 || w.Runner("fleet-7-1").Unresolved {
		t.Errorf("the runner's job is not known:\n%s", w.State())
	}
}

// TestUnresolvedIsLookedForOnce: listing workflow runs that have ended costs requests,
// so the job of a runner that ran nothing is not searched for again.
func TestUnresolvedIsLookedForOnce(t *testing.T) {
	w := unresolved(t)
	w.GitHub.Set(w.Job(8)) // GitHub gave the runner no job after all
	w.GitHub.Calls = nil
	mustSweep(t, w)
	mustSweep(t, w)
	asked := 0
	for _, call := range w.GitHub.Calls {
		if call == "EndedRuns" {
			asked++
		}
	}
	if asked != 1 || w.Runner("fleet-7-1").Unresolved {
		t.Errorf("ended jobs were listed %d times; unresolved: %t", asked, w.Runner("fleet-7-1").Unresolved)
	}
}

func TestUnresolvedWaitsForItsWebhook(t *testing.T) {
	w := unresolved(t)
	w.Pass(-grace)
	mustSweep(t, w)
	if !w.Runner("fleet-7-1").Unresolved {
		t.Error("given up before its webhook could come")
	}
}

func TestUnresolvedInAnotherCase(t *testing.T) {
	w := unresolved(t)
	h := handler(w)
	h.Policy.Repositories = []string{"Octo/Repo"}
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.Runner("fleet-7-1"); r.Took != 8 || r.Unresolved {
		t.Errorf("the runner's job is not known:\n%s", w.State())
	}
}

// GitHub writes the repository in another case than the configuration does.
func TestUnresolvedInTheCaseOfGitHub(t *testing.T) {
	w := unresolved(t)
	w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Repository = "Octo/Repo" })
	mustSweep(t, w)
	if r := w.Runner("fleet-7-1"); r.Took != 8 || r.Unresolved {
		t.Errorf("the runner's job is not known:\n%s", w.State())
	}
}

// A hundred and fifty workflow runs have ended since. A sweep looks at the jobs of a
// hundred, and the next sweep continues where it stopped: until then the runner is not
// given up.
func TestUnresolvedBehindManyWorkflowRuns(t *testing.T) {
	w := unresolved(t)
	for id := range int64(150) {
		job := w.Job(id+100, "ubuntu-latest")
		job.WorkflowRunID = id + 100
		w.GitHub.Set(completed(job, "success"))
		w.GitHub.Unlisted[job.JobID] = true
	}
	mustSweep(t, w)
	if r := w.Runner("fleet-7-1"); r.Took != 0 || !r.Unresolved {
		t.Fatalf("after a hundred workflow runs it took %d, and is unresolved: %t", r.Took, r.Unresolved)
	}
	mustSweep(t, w)
	if r := w.Runner("fleet-7-1"); r.Took != 8 || r.Unresolved {
		t.Errorf("the runner's job is not known:\n%s", w.State())
	}
}

// It can no longer be found out what the runner ran: the search would never end.
func TestUnresolvedOfARepositoryThatWasTakenOut(t *testing.T) {
	w := unresolved(t)
	h := handler(w)
	h.Policy.Repositories = []string{"octo/other"}
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.Runner("fleet-7-1").Unresolved {
		t.Errorf("it is looked for again:\n%s", w.State())
	}
}

// GitHub deletes what idles: a pool may lose a runner each minute, and none of them had a job.
func TestOneSearchIsForAllRunnersOfTenMinutes(t *testing.T) {
	for name, in := range map[string]struct {
		handler func(*world) sweep.Handler
		most    int // searches in 40 minutes
	}{"of a repository": {handler, 4}, "of an organization": {ofAll, 1}} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			h := in.handler(w)
			for range 10 {
				lost(t, w)
				w.Pass(time.Minute)
				if _, err := h.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := askedFor(w, "EndedRuns"); n < 1 || n > in.most {
				t.Errorf("ended workflow runs were listed %d times in 40 minutes, want %d at most", n, in.most)
			}
		})
	}
}

// lost is the end of a warm runner whose registration GitHub deleted after three minutes.
func lost(t *testing.T, w *world) (id string) {
	t.Helper()
	id = w.Warm(1)[0]
	w.Pass(3 * time.Minute)
	w.GitHub.Remove(fleet.RunnerName(id, 1))
	task := w.Tasks.Ends(id, 0)
	w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
	if _, _, err := w.Fleet().Finish(t.Context(), id, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheJobOfAWarmRunnerIsFoundWithTheNextSearch(t *testing.T) {
	w := lifecycletest.New(t)
	lost(t, w)
	w.Pass(grace)
	mustSweep(t, w)
	id := lost(t, w)
	w.GitHub.Set(completed(inProgress(w.Job(8), fleet.RunnerName(id, 1)), "success"))
	w.GitHub.Unlisted[8] = true
	for range 3 {
		lost(t, w)
		w.Pass(time.Minute)
		mustSweep(t, w)
	}
	if r := w.Runner(id); r.Took != 8 || r.Unresolved {
		t.Errorf("its job is not known:\n%s", w.State())
	}
}

// The hook of a warm runner asks the fleet before the first step of a job, and the answer is
// recorded.
func TestAWarmRunnerThatHadNoJobIsNotSearchedFor(t *testing.T) {
	for name, in := range map[string]struct {
		hook     fleet.JobHook
		judged   *fleet.Judged
		status   fleet.RunnerStatus
		searched bool
	}{
		"its hook never asked":  {hook: fleet.HookAsks},
		"its hook was answered": {hook: fleet.HookAsks, judged: &fleet.Judged{JobID: 8, Verdict: fleet.Admitted}, searched: true},
		"GitHub called it busy": {hook: fleet.HookAsks, status: fleet.RunnerRunning, searched: true},
		"of the release before": {searched: true},
		"its image has no hook": {hook: fleet.HookMissing, searched: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.EditRunner(w.Warm(1)[0], func(r *fleet.Runner) { r.Hook, r.Judged, r.Status = in.hook, in.judged, cmp.Or(in.status, r.Status) })
			lost(t, w)
			w.Pass(grace)
			mustSweep(t, w)
			if searched := askedFor(w, "EndedRuns") > 0; searched != in.searched {
				t.Errorf("its job was searched for: %t", searched)
			}
		})
	}
}
