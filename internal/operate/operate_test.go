package operate_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	o, at := w.operator(), w.Now()
	paused, err := o.Pause(t.Context(), fleet.Operator{By: "ada", Reason: "an upgrade"})
	w.must(err)
	w.is("paused", paused, operate.PauseResult{FleetName: "fleet", Reason: "an upgrade", PausedBy: "ada", PausedAt: at})
	w.Pass(time.Hour)
	w.Launch(w.Job(7))
	paused, err = o.Pause(t.Context(), fleet.Operator{By: "ada", Reason: "a long upgrade"})
	w.must(err)
	w.is("paused twice", paused, operate.PauseResult{FleetName: "fleet", Already: true, Reason: "a long upgrade", PausedBy: "ada", PausedAt: at, Waiting: 1})

	resumed, err := o.Resume(t.Context(), ada)
	w.must(err)
	w.is("resumed", resumed, operate.ResumeResult{FleetName: "fleet", Reason: "a long upgrade", PausedAt: at, Waiting: 1})
	if len(w.Bus.Events) != 1 || w.Bus.Events[0].Source != fleet.CLISource || w.Bus.Events[0].DetailType != fleet.FleetResumedEvent {
		t.Fatalf("events %+v", w.Bus.Events)
	}
	w.dispatch(fleet.FleetResumedEvent, struct{}{})
	if w.Run("job-7").RunnerID == "" {
		t.Errorf("%+v", w.Run("job-7"))
	}
	resumed, err = o.Resume(t.Context(), ada)
	w.must(err)
	w.is("resumed twice", resumed, operate.ResumeResult{FleetName: "fleet", Already: true})
	if len(w.Bus.Events) != 1 {
		t.Errorf("resuming twice puts an event: %+v", w.Bus.Events)
	}
}

func TestResumeKilledEverywhere(t *testing.T) {
	worlds := map[*lifecycletest.World]*world{}
	setup := func(t *testing.T) *lifecycletest.World {
		w := newWorld(t)
		w.must(second(w.operator().Pause(t.Context(), ada)))
		w.Launch(w.Job(7))
		worlds[w.World] = w
		return w.World
	}
	settle := func(inner *lifecycletest.World) { // the event, or else the sweep
		worlds[inner].must(inner.Fleet().LaunchWaiting(context.Background()))
		inner.Bus.Events = nil
	}
	lifecycletest.KillEverywhere(t, setup, func(inner *lifecycletest.World) error {
		return second(worlds[inner].operator().Resume(context.Background(), ada))
	}, settle)
}

func second[T any](_ T, err error) error { return err }

func TestTerminate(t *testing.T) {
	w := newWorld(t)
	busy, idle := w.Busy(w.Job(7)), w.Idle(w.Job(8))
	for _, step := range []struct {
		id    string
		force bool
		want  operate.TerminateResult
		done  bool
	}{
		{"fleet-9-1", true, operate.TerminateResult{Outcome: lifecycle.TerminatedUnknown, Message: "there is no runner fleet-9-1"}, false},
		{busy, false, operate.TerminateResult{
			Outcome: lifecycle.TerminatedBusy, JobID: 7, JobName: "build",
			Message: "the runner has job 7 (build); --force stops it, and GitHub will show the job as cancelled or failed",
		}, false},
		{busy, true, operate.TerminateResult{
			Outcome: lifecycle.TerminatedStopping, JobID: 7, JobName: "build", Message: "the runner is being stopped with job 7 (build)",
		}, true},
		{idle, false, operate.TerminateResult{
			Outcome: lifecycle.TerminatedEnding, Message: "the runner is ending; if its job still waits, the next runner is launched for it",
		}, true},
	} {
		step.want.RunnerID = step.id
		got, err := w.operator().Terminate(t.Context(), step.id, step.force, ada)
		w.must(err)
		w.is(step.id, got, step.want)
		if got.Done() != step.done {
			t.Errorf("%s: done %t", step.id, got.Done())
		}
	}
	w.must(w.wait(t.Context(), time.Minute))
	got, err := w.operator().Terminate(t.Context(), busy, true, ada)
	w.must(err)
	w.is("ended", got, operate.TerminateResult{RunnerID: busy, Outcome: lifecycle.TerminatedClosed, Message: "the runner had ended already"})
	if run := w.Run("job-7"); run.Status != fleet.RunCancelled {
		t.Errorf("%+v", run)
	}
}
