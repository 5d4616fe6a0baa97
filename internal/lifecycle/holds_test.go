package lifecycle_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// failing launches jobs, and makes the runner of the first one fail.
func failing(t *testing.T, jobs int64, name string) *world {
	t.Helper()
	w := lifecycletest.New(t)
	first := w.Idle(w.Job(1))
	finish(t, w, first, name)
	for id := int64(2); id <= jobs; id++ {
		if runner := w.Launch(w.Job(id)); runner != "" {
			t.Fatalf("%s was launched into a hold", runner)
		}
		w.Pass(time.Second)
	}
	return w
}

func finish(t *testing.T, w *world, id, name string) {
	t.Helper()
	if _, _, err := w.Fleet().Finish(t.Context(), id, nil, name, "why"); err != nil {
		t.Fatal(err)
	}
}

func hold(t *testing.T, w *world, kind fleet.SetbackKind) fleet.Hold {
	t.Helper()
	held := w.Run("job-1").Setback.Hold
	if !strings.HasPrefix(held, string(kind)) {
		t.Fatalf("job-1 waits for %q", held)
	}
	return w.Records.Hold(held)
}

func check(t *testing.T, w *world, h fleet.Hold) {
	t.Helper()
	if err := w.Fleet().CheckHold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

func open(w *world, jobs int64) (ids []string) {
	for id := int64(1); id <= jobs; id++ {
		if runner := w.Run(fleet.RunID(id)).RunnerID; runner != "" {
			ids = append(ids, runner)
		}
	}
	return ids
}

func TestOneRunTriesWhetherAHoldIsOver(t *testing.T) {
	w := failing(t, 5, fleet.RunnerStartTimeout)
	check(t, w, hold(t, w, fleet.SetbackStart))
	if ids := open(w, 5); len(ids) != 0 {
		t.Fatalf("%q were launched before the next try", ids)
	}
	w.Pass(time.Minute)
	check(t, w, hold(t, w, fleet.SetbackStart))
	check(t, w, hold(t, w, fleet.SetbackStart))
	ids := open(w, 5)
	if fmt.Sprint(ids) != "[fleet-1-2]" {
		t.Fatalf("%q try", ids)
	}
	// It registers: two more may try, then four.
	if err := w.Fleet().Passed(t.Context(), w.Runner(ids[0]), fleet.PassedRegister); err != nil {
		t.Fatal(err)
	}
	if ids := open(w, 5); fmt.Sprint(ids) != "[fleet-1-2 fleet-2-1 fleet-3-1]" {
		t.Errorf("then %q run", ids)
	}
}

// Of the runs that wait, the next is the one whose last try is the longest ago.
func TestTheRunsOfAHoldTakeTurns(t *testing.T) {
	w := failing(t, 3, fleet.RunnerStartTimeout)
	var tried []string
	for range 4 {
		w.Pass(time.Hour)
		check(t, w, hold(t, w, fleet.SetbackStart))
		ids := open(w, 3)
		if len(ids) != 1 {
			t.Fatalf("%q try", ids)
		}
		tried = append(tried, ids[0])
		finish(t, w, ids[0], fleet.RunnerStartTimeout)
	}
	if fmt.Sprint(tried) != "[fleet-1-2 fleet-2-1 fleet-3-1 fleet-1-3]" {
		t.Errorf("tried %q", tried)
	}
}

// A runner that ends without having failed at what the hold is about frees its place.
func TestARunnerThatIsLetGoLeavesItsPlace(t *testing.T) {
	w := failing(t, 2, fleet.RunnerStartTimeout)
	w.Pass(time.Minute)
	check(t, w, hold(t, w, fleet.SetbackStart))
	id := open(w, 2)[0]
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(1), "cancelled")); err != nil {
		t.Fatal(err)
	}
	finish(t, w, id, "")
	key := w.Run("job-2").Setback.Hold
	check(t, w, w.Records.Hold(key))
	if w.Run("job-2").RunnerID == "" {
		t.Errorf("no runner tries:\n%s", w.State())
	}
}

// A place that a runner did not leave is taken back: its record is closed, or gone.
func TestAPlaceWithoutARunnerIsTakenBack(t *testing.T) {
	w := failing(t, 2, fleet.RunnerStartTimeout)
	w.Pass(time.Minute)
	h := hold(t, w, fleet.SetbackStart)
	h.Tries = []string{"fleet-9-1"}
	if err := w.Records.Write(t.Context(), fleet.Changes{Holds: []fleet.Hold{h}}); err != nil {
		t.Fatal(err)
	}
	check(t, w, hold(t, w, fleet.SetbackStart))
	if len(open(w, 2)) != 1 {
		t.Errorf("no runner tries:\n%s", w.State())
	}
}

func TestAHoldWithoutWaitingRunsIsForgotten(t *testing.T) {
	w := failing(t, 1, fleet.RunnerStartTimeout)
	h := hold(t, w, fleet.SetbackStart)
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(1), "cancelled")); err != nil {
		t.Fatal(err)
	}
	check(t, w, h)
	if w.Records.Hold(h.Key).Version == 0 {
		t.Error("it is forgotten at once: the next failure would be tried again too soon")
	}
	w.Pass(2 * time.Hour)
	check(t, w, h)
	if w.Records.Hold(h.Key).Version != 0 {
		t.Errorf("%+v", w.Records.Hold(h.Key))
	}
}

// A job of the repository has ended: GitHub may start the job that it held back.
func TestTheEndOfAJobLetsAnotherTry(t *testing.T) {
	w := failing(t, 2, fleet.RunnerIdleTimeout)
	other := w.Job(9)
	other.Repository = "octo/other"
	for _, c := range []struct {
		ended fleet.Job
		tries int
	}{{other, 0}, {w.Job(8), 1}, {w.Job(7), 1}} {
		if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(c.ended, "success")); err != nil {
			t.Fatal(err)
		}
		if ids := open(w, 2); len(ids) != c.tries {
			t.Errorf("after the end of %d: %q", c.ended.JobID, ids)
		}
	}
}

func TestAnImageIsBuiltAndItsRunsGoOn(t *testing.T) {
	w := failing(t, 3, fleet.ImageBuildFailed)
	h := hold(t, w, fleet.SetbackBuild)
	if err := w.Fleet().Over(t.Context(), []string{h.Key}); err != nil {
		t.Fatal(err)
	}
	if ids := open(w, 3); len(ids) != 2 {
		t.Errorf("%q", ids)
	}
}

func TestHoldsKilledEverywhere(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := failing(t, 4, fleet.RunnerStartTimeout)
		w.Pass(time.Hour)
		return w
	}
	settle := func(w *world) { // the next sweep
		if s := w.Run("job-4").Setback; s != nil {
			if h := w.Records.Hold(s.Hold); h.Version != 0 {
				if err := w.Fleet().CheckHold(context.Background(), h); err != nil {
					panic(err)
				}
			}
		}
		for _, id := range open(w, 4) { // their executions were never started
			if err := w.Fleet().StartAgain(context.Background(), w.Runner(id)); err != nil {
				panic(err)
			}
		}
	}
	t.Run("one tries", func(t *testing.T) {
		lifecycletest.KillEverywhere(t, setup, func(w *world) error {
			return w.Fleet().CheckHold(context.Background(), w.Records.Hold(w.Run("job-4").Setback.Hold))
		}, settle)
	})
	t.Run("it is over", func(t *testing.T) {
		lifecycletest.KillEverywhere(t, setup, func(w *world) error {
			return w.Fleet().Over(context.Background(), []string{w.Run("job-4").Setback.Hold})
		}, settle)
	})
}

func TestTryAgain(t *testing.T) {
	w := failing(t, 3, fleet.RunnerStartTimeout)
	if _, changed, err := w.Fleet().TryAgain(t.Context(), "job-3", act(fleet.CommandRetry)); err != nil || !changed {
		t.Fatalf("changed %t, %v", changed, err)
	}
	if id, err := w.Fleet().Launch(t.Context(), "job-3"); err != nil || id != "fleet-3-1" {
		t.Errorf("launched %q, %v", id, err)
	}
	if _, changed, err := w.Fleet().TryAgain(t.Context(), "job-3", act(fleet.CommandRetry)); err != nil || changed {
		t.Errorf("a run that has a runner: changed %t, %v", changed, err)
	}
	own := lifecycletest.New(t)
	finish(t, own, own.Launch(own.Job(1)), fleet.GitHubNotFound)
	if _, changed, err := own.Fleet().TryAgain(t.Context(), "job-1", act(fleet.CommandRetry)); err != nil || !changed {
		t.Fatalf("changed %t, %v", changed, err)
	}
	if id, err := own.Fleet().Launch(t.Context(), "job-1"); err != nil || id != "fleet-1-2" {
		t.Errorf("launched %q, %v", id, err)
	}
}

func TestAWorkflowRunThatIsOver(t *testing.T) {
	w := failing(t, 1, fleet.RunnerIdleTimeout)
	reason, err := w.Fleet().WorkflowRunOver(t.Context(), "job-1", fleet.WorkflowRun{Status: "completed", Conclusion: "failure"})
	if run := w.Run("job-1"); err != nil || run.Status != fleet.RunCancelled || run.Reason != reason || !strings.Contains(reason, "(failure)") {
		t.Errorf("%s: %s, %v", run.Status, run.Reason, err)
	}
}
