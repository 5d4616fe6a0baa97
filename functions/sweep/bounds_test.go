package sweep_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestManyWorkflowRuns(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1000
	for id := range int64(150) {
		job := w.Job(id + 1)
		job.WorkflowRunID = id + 1
		w.GitHub.Set(job)
	}
	w.Pass(grace)
	if got := mustSweep(t, w)[sweep.QueuedLost]; got != 100 {
		t.Errorf("looked at %d workflow runs, want 100", got)
	}
}

// Three hundred runs have ended on GitHub: each sweep asks for fifty, and the next
// goes on. Of those that GitHub does not know none stands in the others' way.
func TestManyOpenRuns(t *testing.T) {
	w := lifecycletest.New(t)
	for id := range int64(600) {
		job := w.Job(id + 1)
		known(w, job)
		w.Pass(1)
		w.GitHub.Unlisted[job.JobID] = true
		w.GitHub.Set(completed(job, "success"))
		if id < 300 {
			w.GitHub.Gone(job.JobID)
		}
	}
	w.Pass(grace)
	closed := 0
	for n := 0; closed < 300 && n < 30; n++ {
		w.GitHub.Calls = nil
		closed += mustSweep(t, w)[sweep.CompletedLost]
		asked := 0
		for _, call := range w.GitHub.Calls {
			if call == "Job" {
				asked++
			}
		}
		if asked > 50 {
			t.Errorf("sweep %d asked for %d jobs", n, asked)
		}
	}
	if closed != 300 {
		t.Errorf("closed %d runs, want 300", closed)
	}
}

// Ended runs shrink the list behind the cursor: the next sweep begins anew.
func TestCursorBehindTheEnd(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	known(w, job)
	w.GitHub.Unlisted[7] = true
	w.GitHub.Set(completed(job, "success"))
	w.Pass(grace)
	for _, cursor := range []string{"4000", "-3", "x"} {
		w.EditRun("job-7", func(r *fleet.Run) { r.Status, r.Conclusion = fleet.RunQueued, "" })
		_ = w.Records.PutCursor(t.Context(), "open_runs", cursor)
		if got := mustSweep(t, w)[sweep.CompletedLost]; got != 1 {
			t.Errorf("with cursor %s: closed %d", cursor, got)
		}
		if got, _ := w.Records.Cursor(t.Context(), "open_runs"); got != "0" && got != "x" {
			t.Errorf("the cursor is %s", got)
		}
	}
}

// What a quiet sweep asks of GitHub: one list of jobs and one of runners for each
// repository, one of deliveries for each webhook, and nothing for open runs.
func TestWhatASweepCosts(t *testing.T) {
	w := hooked(t)
	w.Launch(w.Job(11))
	w.Idle(w.Job(12))
	w.Busy(w.Job(13))
	w.Pass(time.Hour)
	w.GitHub.Calls = nil
	mustSweep(t, w)
	if len(w.GitHub.Calls) != 3 {
		t.Errorf("it asks for %q", w.GitHub.Calls)
	}
}
