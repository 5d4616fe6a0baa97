package dispatch_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// mayTake counts the open runners that could still take the job of a run.
func mayTake(t *testing.T, w *world, runID string) (n int) {
	t.Helper()
	open, err := w.Records.OpenRunners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range open {
		if r.RunID == runID && r.CanTake() {
			n++
		}
	}
	return n
}

// The first runner idles and is reaped, the second is let go when the job waits for an
// approval, the third gets the job. There are never two that could take it.
func TestQueuedWaitingQueuedWithAReapBetween(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	one := func(when string) {
		t.Helper()
		if n := mayTake(t, w, "job-7"); n > 1 {
			t.Errorf("%s: %d runners could take the job:\n%s", when, n, w.State())
		}
	}
	first := w.Idle(job)
	one("queued")

	w.Pass(6 * time.Minute)
	w.Executions.TimeOut(first)
	wait, err := inspectrunner.Step{Fleet: w.Fleet(), Budgets: w.GitHub, Platform: w.Tasks}.Run(t.Context(), fleet.Call{RunnerID: first, State: "InspectRunner", Document: fleet.Document{Job: job}})
	if err != nil || wait.Outcome != fleet.OutcomeReaped {
		t.Fatalf("inspection: %+v, %v", wait, err)
	}
	one("reaped")

	record := recordstatus.Step{Fleet: w.Fleet(), Bus: w.Bus, NewID: w.NewID}
	if _, err := record.Run(t.Context(), fleet.Call{RunnerID: first, State: recordstatus.RecordFailure, Document: fleet.Document{Job: job, Wait: &wait}}); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	if _, err := w.Fleet().Launch(t.Context(), "job-7"); err != nil {
		t.Fatal(err)
	}
	second := w.Run("job-7").RunnerID
	if second == "" || second == first {
		t.Fatalf("the reaped runner was not replaced:\n%s", w.State())
	}
	one("launched again")

	hear(t, w, "waiting", waiting(job))
	one("waiting")
	if w.Run("job-7").Status != fleet.RunWaiting || w.Runner(second).Phase == fleet.Open {
		t.Fatalf("the second runner was not let go:\n%s", w.State())
	}

	hear(t, w, "queued", job)
	one("queued again")
	if _, err := record.Run(t.Context(), fleet.Call{RunnerID: second, State: recordstatus.RecordStatus, Document: fleet.Document{Job: job}}); err != nil {
		t.Fatal(err)
	}
	one("the second runner has ended")
	third := w.Run("job-7").RunnerID
	if third == "" || third == second || w.Run("job-7").Fruitless != 1 {
		t.Fatalf("no third runner:\n%s", w.State())
	}
	hear(t, w, "in_progress", lifecycletest.InProgress(job, fleet.RunnerName(third, 1)))
	hear(t, w, "completed", lifecycletest.Completed(lifecycletest.InProgress(job, fleet.RunnerName(third, 1)), "success"))
	if run := w.Run("job-7"); run.Status != fleet.RunCompleted || run.RanOn != third {
		t.Errorf("the end:\n%s", w.State())
	}
}
