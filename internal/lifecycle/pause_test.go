package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func pause(t *testing.T, w *world, reason string) fleet.Capacity {
	t.Helper()
	was, err := w.Fleet().Pause(t.Context(), fleet.Operator{By: "ada", Reason: reason}.Act(fleet.CommandPause, "p", w.Now()))
	if err != nil {
		t.Fatal(err)
	}
	return was
}

func TestPauseAndResume(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1
	busy := w.Busy(w.Job(1))
	w.Pass(time.Second)
	w.Launch(w.Job(2)) // waits for room, as the next one
	w.Launch(w.Job(4))
	w.Pass(time.Second)
	at := w.Now()
	if was := pause(t, w, "an upgrade"); was.Paused != "" {
		t.Errorf("it was paused: %+v", was)
	}
	w.Pass(time.Second)
	if was := pause(t, w, "a long upgrade"); was.Paused != "an upgrade" || !was.PausedAt.Equal(at) {
		t.Errorf("paused twice: it was %+v", was)
	}
	w.MaxRunners = 9
	reads := w.Records.Reads
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil || w.Records.Reads > reads+3 {
		t.Errorf("%d reads to launch nothing, %v", w.Records.Reads-reads, err)
	}
	if id := w.Launch(w.Job(3)); id != "" {
		t.Errorf("%s is launched for a job that comes while the fleet is paused", id)
	}
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The runner that is under way goes on, and the next runner for its job waits too.
	if r := w.Runner(busy); r.Phase != fleet.Open || r.Took != 1 {
		t.Errorf("the busy runner: %+v", r)
	}
	for _, id := range []string{"job-2", "job-3"} {
		if run := w.Run(id); run.Status != fleet.RunQueued || !run.WaitsForRoom || run.Reason != "the fleet is paused: a long upgrade" {
			t.Errorf("%s: %s, waits %t, %q", id, run.Status, run.WaitsForRoom, run.Reason)
		}
	}
	was, waited, err := w.Fleet().Resume(t.Context(), act(fleet.CommandResume))
	if err != nil || was.Paused != "a long upgrade" || !was.PausedAt.Equal(at) || waited != 3 {
		t.Errorf("resumed: %+v, %d waited, %v", was, waited, err)
	}
	if run := w.Run("job-3"); run.Reason != "waits for its turn: the fleet was paused" {
		t.Errorf("resumed: %q", run.Reason)
	}
	if was, waited, err := w.Fleet().Resume(t.Context(), act(fleet.CommandResume)); err != nil || was.Paused != "" || waited != 0 {
		t.Errorf("resumed twice: %+v, %d waited, %v", was, waited, err)
	}
	w.MaxRunners = 2
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.Run("job-2").RunnerID == "" || w.Run("job-3").RunnerID != "" {
		t.Errorf("the one that came first is launched first: %+v %+v", w.Run("job-2"), w.Run("job-3"))
	}
}

func TestTheNextRunnerOfARunWaitsWhilePaused(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	pause(t, w, "an upgrade")
	w.Tasks.Ends(id, 1)
	if _, next, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerStoppedEarly, "it stopped"); err != nil || next != "" {
		t.Fatalf("launched %q, %v", next, err)
	}
	w.Pass(time.Minute)
	if next, err := w.Fleet().Launch(t.Context(), "job-7"); err != nil || next != "" {
		t.Fatalf("launched %q, %v", next, err)
	}
	if run := w.Run("job-7"); run.Setback == nil || run.Status != fleet.RunQueued || !run.WaitsForRoom || run.Reason != "the fleet is paused: an upgrade" {
		t.Errorf("%+v", run)
	}
}

// A launch that read the capacity before the pause and writes after it meets a conflict.
func TestNothingIsLaunchedAfterThePause(t *testing.T) {
	w := lifecycletest.New(t)
	w.After("Records.Capacity", func() { pause(t, w, "an upgrade") })
	if id := w.Launch(w.Job(7)); id != "" || w.Executions.Count() != 0 {
		t.Errorf("launched %q", id)
	}
	if run := w.Run("job-7"); run.Reason != "the fleet is paused: an upgrade" {
		t.Errorf("%q", run.Reason)
	}
}

// The fleet is paused between a launch's record and its execution.
func TestAnExecutionIsStartedWhilePaused(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 0
	w.Launch(w.Job(7))
	w.MaxRunners = 1
	died, _ := w.Suffer(lifecycletest.Fault{Point: 6}, func() error { _, err := w.Fleet().Launch(t.Context(), "job-7"); return err })
	if !died || w.Run("job-7").RunnerID == "" || w.Executions.Count() != 0 {
		t.Fatalf("died %t, %+v", died, w.Run("job-7"))
	}
	pause(t, w, "an upgrade")
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil || w.Executions.Count() != 1 {
		t.Errorf("%d executions, %v", w.Executions.Count(), err)
	}
}

func TestPauseAndResumeKilledEverywhere(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.MaxRunners = 0
		w.Launch(w.Job(1))
		w.Launch(w.Job(2))
		return w
	}
	lifecycletest.KillEverywhere(t, setup, func(w *world) error {
		_, err := w.Fleet().Pause(context.Background(), fleet.Operator{Reason: "x"}.Act(fleet.CommandPause, "p", w.Now()))
		return err
	}, nil)
	lifecycletest.KillEverywhere(t, func(t *testing.T) *world {
		w := setup(t)
		pause(t, w, "x")
		return w
	}, func(w *world) error {
		_, _, err := w.Fleet().Resume(context.Background(), act(fleet.CommandResume))
		return err
	}, nil)
}

func TestTerminate(t *testing.T) {
	cases := map[string]struct {
		runner func(w *world) string
		force  bool
		want   lifecycle.Termination
		asked  bool // the task, to stop
	}{
		"a runner that there is not": {func(*world) string { return "fleet-9-1" }, true, lifecycle.Termination{Outcome: lifecycle.TerminatedUnknown}, false},
		"one without a job":          {func(w *world) string { return w.Idle(w.Job(7)) }, false, lifecycle.Termination{Outcome: lifecycle.TerminatedEnding}, true},
		"one without a task yet":     {func(w *world) string { return w.Launch(w.Job(7)) }, false, lifecycle.Termination{Outcome: lifecycle.TerminatedEnding}, false},
		"one with a job":             {func(w *world) string { return w.Busy(w.Job(7)) }, false, lifecycle.Termination{Outcome: lifecycle.TerminatedBusy, JobID: 7, JobName: "build"}, false},
		"one with a job, forced":     {func(w *world) string { return w.Busy(w.Job(7)) }, true, lifecycle.Termination{Outcome: lifecycle.TerminatedStopping, JobID: 7, JobName: "build"}, true},
		"one whose job only GitHub knows": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = true
			return id
		}, false, lifecycle.Termination{Outcome: lifecycle.TerminatedBusy}, false},
		"one whose job only GitHub knows, forced": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = true
			return id
		}, true, lifecycle.Termination{Outcome: lifecycle.TerminatedStopping}, true},
		"one that has ended": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closed })
			return id
		}, true, lifecycle.Termination{Outcome: lifecycle.TerminatedClosed}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := c.runner(w)
			got, err := w.Fleet().Terminate(t.Context(), id, terminate(c.force))
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
			if again, err := w.Fleet().Terminate(t.Context(), id, terminate(c.force)); err != nil || again != c.want {
				t.Errorf("again: got %+v, %v; want %+v", again, err, c.want)
			}
			if w.Tasks.Count() == 0 {
				return
			}
			arn := w.Tasks.Of(id).ARN
			if w.Tasks.Asked(arn) != c.asked {
				t.Errorf("the task was asked to stop: %t", !c.asked)
			}
			if r := w.Runner(id); c.asked != (r.Reason == fleet.TerminatedByOperator) {
				t.Errorf("the reason is %q", r.Reason)
			}
		})
	}
	lifecycletest.KillEverywhere(t, func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.Busy(w.Job(7))
		return w
	}, func(w *world) error {
		_, err := w.Fleet().Terminate(context.Background(), "fleet-7-1", terminate(true))
		return err
	}, nil)
}

func TestTerminateReportsWhatFailed(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Busy(w.Job(7))
	w.Tasks.Fails["Stop"] = errors.New("no")
	if _, err := w.Fleet().Terminate(t.Context(), id, terminate(true)); err == nil {
		t.Error("a task that cannot be stopped is no error")
	}
}
