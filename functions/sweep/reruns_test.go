package sweep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// interrupted has the jobs of as many workflow runs interrupted by Spot.
func interrupted(t *testing.T, w *world, workflowRuns int) {
	t.Helper()
	w.SpotRetry, w.MaxRunners = 1, max(w.MaxRunners, workflowRuns)
	for id := range int64(workflowRuns) {
		job := w.Job(id+1, "self-hosted", "class:large")
		job.WorkflowRunID = id + 1
		w.GitHub.Set(job)
		runner := w.Busy(job)
		w.GitHub.Remove(fleet.RunnerName(runner, 1))
		w.Tasks.Ends(runner, 143)
		w.EditRunner(runner, func(r *fleet.Runner) { r.TaskStatus, r.StopCode = fleet.TaskStopped, fleet.StopSpotInterruption })
		w.Executions.End(runner)
		if _, _, err := w.Fleet().Finish(t.Context(), runner, nil, "", ""); err != nil {
			t.Fatal(err)
		}
		job = lifecycletest.Completed(w.GitHub.Has(id+1), "cancelled")
		w.GitHub.Set(job)
		if err := w.Fleet().Completed(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJobsThatSpotInterruptedRunAgain(t *testing.T) {
	w := lifecycletest.New(t)
	interrupted(t, w, 3)
	for id := range int64(3) {
		w.GitHub.End(id+1, "cancelled")
	}
	repairs := mustSweep(t, w)
	if repairs[sweep.SpotInterrupted] != 3 || len(w.GitHub.Reruns) != 3 {
		t.Errorf("%v, GitHub has run %d again", repairs, w.GitHub.Reruns)
	}
	if got := usage(t, w).Asked["reruns"]; got != 6 {
		t.Errorf("%d requests are counted", got)
	}
	if mustSweep(t, w); len(w.GitHub.Reruns) != 3 {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
}

// A workflow run that goes on for hours costs little, and its end is seen in GitHub's list
// of those that go on.
func TestTheEndOfAWorkflowRunIsSeen(t *testing.T) {
	w := lifecycletest.New(t)
	interrupted(t, w, 1)
	w.GitHub.Set(job(w, 99)) // another job of the workflow run
	for range 5 * 60 {
		mustSweep(t, w)
		w.Pass(time.Minute)
	}
	if got := asked(w, "WorkflowRun"); got > 15 || asked(w, "RerunFailedJobs") > 0 {
		t.Errorf("in five hours it asks %d times", got)
	}
	w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(99), "success"))
	w.GitHub.End(1, "cancelled")
	mustSweep(t, w)
	if len(w.GitHub.Reruns) != 1 {
		t.Errorf("%q, GitHub has run %d again", w.Run("job-1").Rerun, w.GitHub.Reruns)
	}
}

func job(w *world, id int64) fleet.Job {
	other := w.Job(id, "ubuntu-latest")
	other.WorkflowRunID = 1
	return lifecycletest.InProgress(other, "theirs")
}

func TestRerunsAreBounded(t *testing.T) {
	w := lifecycletest.New(t)
	interrupted(t, w, 50)
	for id := range int64(50) {
		w.GitHub.End(id+1, "cancelled")
	}
	for n, want := range []int{20, 40, 50} {
		if mustSweep(t, w); len(w.GitHub.Reruns) != want {
			t.Errorf("after sweep %d GitHub has run %d again", n+1, len(w.GitHub.Reruns))
		}
		w.Pass(time.Minute)
	}
}

// The reserve is for claims: then nothing is asked, and it is no error.
func TestRerunsWaitForTheReserve(t *testing.T) {
	w := lifecycletest.New(t)
	interrupted(t, w, 1)
	w.GitHub.End(1, "cancelled")
	left(w, 3)
	if mustSweep(t, w); asked(w, "WorkflowRun") > 0 {
		t.Error("it asks GitHub")
	}
	w.Pass(time.Hour) // a new hour
	if mustSweep(t, w); len(w.GitHub.Reruns) != 1 {
		t.Errorf("GitHub has run %d again", w.GitHub.Reruns)
	}
}

func TestRerunsThatGitHubDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		asks  int // of one sweep, for four workflow runs
		err   bool
	}{
		"GitHub is down for this repository": {fleet.Errorf(fleet.GitHubUnavailable, "502"), 4, true},
		"GitHub limits our rate":             {lifecycletest.Limited(time.Minute), 1, true},
		"the token may not":                  {fleet.Errorf(fleet.GitHubNoAccess, "403"), 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			interrupted(t, w, 4)
			for id := range int64(4) {
				w.GitHub.End(id+1, "cancelled")
			}
			w.GitHub.Fails["RerunFailedJobs"] = c.fails
			if _, err := run(w); (err != nil) != c.err {
				t.Errorf("error %v", err)
			}
			if got := asked(w, "RerunFailedJobs"); got != c.asks {
				t.Errorf("it asks %d times, want %d", got, c.asks)
			}
		})
	}
}

func TestASweepThatRunsJobsAgainMayBeKilledAnywhere(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		interrupted(t, w, 2)
		w.GitHub.End(1, "cancelled")
		w.GitHub.End(2, "cancelled")
		return w
	}
	settle := func(w *world) {
		for range 15 {
			w.Pass(time.Minute)
			_, _ = run(w)
		}
		if len(w.GitHub.Reruns) != 2 {
			t.Errorf("GitHub has run %s again", fmt.Sprint(w.GitHub.Reruns))
		}
	}
	lifecycletest.KillEverywhere(t, setup, func(w *world) error { _, err := run(w); return err }, settle)
}
