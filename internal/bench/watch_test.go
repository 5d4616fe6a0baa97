package bench

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func ran(id int64, status fleet.RunStatus, conclusion string) fleet.Run {
	run := fleet.NewRun(fleet.Job{JobID: id}, time.Time{})
	run.Status, run.Conclusion = status, conclusion
	return run
}

func TestAJobIsOverWithItsRunner(t *testing.T) {
	w := newWatch()
	w.sent(sent{Job: 7, At: 1})
	want := func(what string, running, over int) {
		t.Helper()
		if r, o := w.counts(); r != running || o != over {
			t.Errorf("%s: %d running and %d over, want %d and %d", what, r, o, running, over)
		}
	}
	write := func(c fleet.Changes) { w.observe(c); w.observe(c) } // records are written again and again
	write(fleet.Changes{Runs: []fleet.Run{ran(7, fleet.RunRunning, "")}})
	want("it runs", 1, 0)
	write(fleet.Changes{Runs: []fleet.Run{ran(7, fleet.RunCompleted, "success")}})
	want("its run is closed", 1, 0)
	write(fleet.Changes{Runners: []fleet.Runner{{RunnerID: "bench-7-1", RunID: "job-7", Phase: fleet.Closed}}})
	want("its runner is closed", 1, 1)
	if w.wrong != 0 {
		t.Error(w.first)
	}

	w.reset()
	write(fleet.Changes{Runs: []fleet.Run{ran(7, fleet.RunCompleted, "success")}, Runners: []fleet.Runner{{RunnerID: "bench-7-1", RunID: "job-7", Phase: fleet.Closed}}})
	want("a job that was forgotten is written once more", 0, 0)
}

func TestAJobThatFailsIsAnError(t *testing.T) {
	for name, run := range map[string]fleet.Run{
		"a failure":      ran(1, fleet.RunCompleted, "failure"),
		"a cancellation": ran(1, fleet.RunCancelled, "cancelled"),
		"a refusal":      ran(1, fleet.RunRefused, ""),
	} {
		w := newWatch()
		w.observe(fleet.Changes{Runs: []fleet.Run{run}})
		if w.wrong != 1 || w.first == "" {
			t.Errorf("%s: %d errors, the first %q", name, w.wrong, w.first)
		}
	}
}

func TestPercentilesAreTimesThatWereMeasured(t *testing.T) {
	var times []time.Duration
	for ms := range 100 {
		times = append(times, time.Duration(100-ms)*time.Millisecond)
	}
	if got, want := percentiles(times), (Percentiles{P50: 50, P95: 95, P99: 99, Max: 100}); got != want {
		t.Errorf("of a hundred: %+v, want %+v", got, want)
	}
	if got, want := percentiles(times[:1]), (Percentiles{P50: 1, P95: 1, P99: 1, Max: 1}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
	if got := percentiles(nil); got != (Percentiles{}) {
		t.Errorf("of none: %+v", got)
	}
}
