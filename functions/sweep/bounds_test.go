package sweep_test

import (
	"slices"
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

// Three hundred runs have ended on GitHub: each sweep asks about fifty, and the next
// sweep continues there. A run that GitHub does not know does not hold up the others.
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

// Ended runs shorten the list, and the cursor is behind its end: the next sweep starts
// from the beginning.
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

// What a sweep asks GitHub for: four lists of workflow runs and one of runners for each
// repository, one of deliveries for each webhook, one of the jobs of each workflow run
// that is due, and nothing for open runs. Unchanged answers cost nothing.
func TestWhatASweepCosts(t *testing.T) {
	w := hooked(t)
	w.Launch(w.Job(11))
	w.Idle(w.Job(12))
	w.Busy(w.Job(13))
	w.GitHub.Set(inProgress(started(w, w.GitHub.Has(1)), "theirs"))
	w.GitHub.Set(inProgress(started(w, w.GitHub.Has(13)), "fleet-13-1.1"))
	w.Pass(time.Hour)
	w.GitHub.Calls = nil
	mustSweep(t, w)
	slices.Sort(w.GitHub.Calls)
	want := []string{"Deliveries", "JobsOf", "Registrations", "WorkflowRuns", "WorkflowRuns", "WorkflowRuns", "WorkflowRuns"}
	if !slices.Equal(w.GitHub.Calls, want) {
		t.Errorf("it asks for %q", w.GitHub.Calls)
	}
	for sweep, want := range []int{6, 6, 7} { // three minutes later the workflow run is due
		w.Pass(time.Minute)
		w.GitHub.Calls, w.GitHub.Unchanged = nil, 0
		if mustSweep(t, w); len(w.GitHub.Calls) != want || w.GitHub.Unchanged != want {
			t.Errorf("sweep %d asks for %q, of which %d are unchanged", sweep+2, w.GitHub.Calls, w.GitHub.Unchanged)
		}
	}
}
