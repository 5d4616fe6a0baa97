// Package inspectrunner finds out the true state of a runner after silence, and acts on
// it.
//
// It serves two waits: for a job, and for the end of one. It must never stop a runner
// that has a job, and GitHub's API may report busy: false for such a runner. So it
// stops only runners whose registration GitHub let it delete, and asks GitHub about the
// job as well. If GitHub does not answer, it goes on waiting.
package inspectrunner

import (
	"cmp"
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// platform is the part of a container platform that this step needs.
type platform interface {
	// Describe returns a task's state; ok is false for a task that the platform does
	// not know, or knows no longer.
	Describe(ctx context.Context, arn string) (task fleet.Task, ok bool, err error)
}

// budgets says what GitHub still answers.
type budgets interface {
	Budget(ctx context.Context, place string, now time.Time) (fleet.Budget, error)
}

// unsure is how long to wait if GitHub did not answer.
const unsure = time.Minute

// Step serves the state InspectRunner.
type Step struct {
	Fleet    lifecycle.Fleet
	Budgets  budgets
	Platform platform
}

// Run returns what the runner is doing and how long to wait next. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Wait, error) {
	runner, err := s.lookAtTask(ctx, call.RunnerID)
	if err != nil {
		return fleet.Wait{}, err
	}
	if runner.Claims > 0 && runner.Took == 0 && cmp.Or(runner.For, runner.RunID) != "" && !runner.Idle() {
		// It may have taken a job although no webhook said so.
		if runner, err = s.Fleet.AskAfter(ctx, runner); err != nil {
			return s.unsure(ctx, runner, err)
		}
	}
	switch {
	case runner.Stopped() && (runner.Took != 0 || runner.Phase != fleet.Open):
		return wait(fleet.OutcomeStopped, 0), nil
	case runner.Stopped():
		return s.stoppedBeforeJob(ctx, runner)
	case runner.Took != 0:
		return s.busy(ctx, runner)
	}
	return s.waiting(ctx, call, runner)
}

func (s Step) stoppedBeforeJob(ctx context.Context, runner fleet.Runner) (fleet.Wait, error) {
	name, cause, err := s.Fleet.WhyStopped(ctx, runner)
	if err != nil || name == fleet.RunnerNotWanted {
		return wait(fleet.OutcomeStopped, 0), err
	}
	return fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: name, Cause: cause}, nil
}

// lookAtTask records the state that the platform reports, since an event was lost. It
// leaves a task that the platform does not know to the sweep: ECS may still list it.
func (s Step) lookAtTask(ctx context.Context, runnerID string) (fleet.Runner, error) {
	runner, err := s.Fleet.ReadRunner(ctx, runnerID)
	if err != nil || runner.TaskARN == "" || runner.Stopped() {
		return runner, err
	}
	task, known, err := s.Platform.Describe(ctx, runner.TaskARN)
	if err != nil || !known {
		return runner, err
	}
	runner, _, err = s.Fleet.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		return r.ApplyTask(task, s.Fleet.Now())
	})
	return runner, err
}

func (s Step) unsure(ctx context.Context, runner fleet.Runner, err error) (fleet.Wait, error) {
	s.Fleet.Log.WarnContext(ctx, "leaving the runner as it is: GitHub did not say", "runner_id", runner.RunnerID, "error", err.Error())
	switch {
	case runner.Stopped() && runner.Phase == fleet.Open && runner.RegistrationID == 0: // without a credential it had no job
		return s.stoppedBeforeJob(ctx, runner)
	case runner.Stopped():
		return wait(fleet.OutcomeStopped, 0), nil
	case runner.Status == fleet.RunnerRunning:
		return wait(fleet.OutcomeBusy, unsure), nil
	}
	return wait(fleet.OutcomeWaiting, unsure), nil
}

// busy waits for the end of the job, never past the longest time that a job may take.
// If no webhook reported the job, its earliest start is the registration; a warm runner may
// have idled for hours since, so that of its job is when it is first found busy.
func (s Step) busy(ctx context.Context, runner fleet.Runner) (fleet.Wait, error) {
	limits := s.Fleet.Limits
	start := runner.At(fleet.StageJobStarted)
	switch {
	case start.IsZero() && runner.IsWarm():
		var err error
		if start, err = s.foundBusy(ctx, runner); err != nil {
			return fleet.Wait{}, err
		}
	case start.IsZero():
		start = runner.At(fleet.StageRegistered)
	}
	left := limits.MaxRuntime - s.Fleet.Now().Sub(start)
	if left > 0 {
		return wait(fleet.OutcomeBusy, min(left, limits.Inspect)), nil
	}
	reason := "the job ran longer than max_runtime (" + limits.MaxRuntime.String() + ")"
	if err := s.Fleet.Tasks.Stop(ctx, runner.TaskARN, reason); err != nil {
		return fleet.Wait{}, err
	}
	return wait(fleet.OutcomeBusy, unsure), nil
}

// foundBusy returns when the runner was first found busy, and notes it if that is now.
func (s Step) foundBusy(ctx context.Context, runner fleet.Runner) (time.Time, error) {
	runner, _, err := s.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		first := r.FoundBusyAt.IsZero()
		if first {
			r.FoundBusyAt = s.Fleet.Now().UTC()
		}
		return r, first
	})
	return runner.FoundBusyAt, err
}

// waiting decides about a runner without a job: either it goes on waiting, or it is
// ended. The idle limit counts from its registration here; what led to this inspection was
// silence for as long, which Step Functions measures.
func (s Step) waiting(ctx context.Context, call fleet.Call, runner fleet.Runner) (fleet.Wait, error) {
	now, limits := s.Fleet.Now(), s.Fleet.Limits
	// GitHub may have made a claim wait: that is not idling yet.
	registered := !runner.At(fleet.StageRegistered).IsZero()
	unfit := ""
	name := fleet.RunnerIdleTimeout
	switch {
	case runner.Idle() && registered:
		return s.idles(ctx, runner)
	case runner.Phase != fleet.Open, runner.For == "" && !runner.Idle():
		unfit = orNobody(runner.Reason)
	case !registered && since(now, runner, fleet.StageTaskStarted) < limits.Start:
		return wait(fleet.OutcomeWaiting, 0), nil
	case !registered:
		name = fleet.RunnerStartTimeout
		unfit = "the container did not get its credential within " + limits.Start.String()
	case since(now, runner, fleet.StageRegistered) < limits.Idle, now.Sub(runner.ExpectedAt) < limits.Idle:
		return wait(fleet.OutcomeWaiting, 0), nil
	default:
		unfit = "the runner got no job for " + limits.Idle.String() + ": another runner had it, GitHub holds it back (max-parallel, a concurrency group), or a label or runner group keeps it from this one"
	}
	wanted := runner.Phase == fleet.Open && (runner.For != "" || runner.Idle())
	ended, err := s.Fleet.End(ctx, runner.RunnerID, unfit)
	switch {
	case err != nil:
		return s.unsure(ctx, runner, err)
	case ended == lifecycle.EndBusy:
		return s.busy(ctx, runner)
	case !wanted:
		return wait(fleet.OutcomeStopped, 0), nil
	}
	return fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: name, Cause: unfit}, nil
}

// idles is waiting for a warm runner that no run expects: it goes on for as long as its pool
// wants it, unless GitHub has it no more. Then a run must not come to expect it.
func (s Step) idles(ctx context.Context, runner fleet.Runner) (fleet.Wait, error) {
	if may, err := s.mayLook(ctx, runner); err != nil || !may {
		return wait(fleet.OutcomeWaiting, 0), err
	}
	reg, found, err := s.Fleet.GitHub.Registration(ctx, s.Fleet.PlaceOf(runner), fleet.RunnerName(runner.RunnerID, runner.Claims))
	switch {
	case err != nil:
		return s.unsure(ctx, runner, err)
	case found && reg.Busy: // with a job of which nobody told: no run is to expect it
		_, _, err := s.Fleet.ChangeRunner(ctx, runner.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
			idle := r.Idle()
			return r.Progress(fleet.RunnerRunning), idle
		})
		return wait(fleet.OutcomeBusy, unsure), err
	case found && reg.Online:
		return wait(fleet.OutcomeWaiting, 0), nil
	}
	gone := "GitHub has the idle runner no more"
	if found {
		gone = "the idle runner is offline on GitHub"
	}
	if err := s.Fleet.EndIdle(ctx, runner.RunnerID, gone); err != nil {
		return s.unsure(ctx, runner, err)
	}
	if runner, err = s.Fleet.ReadRunner(ctx, runner.RunnerID); err != nil {
		return fleet.Wait{}, err
	}
	switch {
	case runner.Took != 0, runner.Status == fleet.RunnerRunning: // GitHub refused to delete it
		return s.busy(ctx, runner)
	case runner.Phase == fleet.Open: // a run has come to expect it
		return wait(fleet.OutcomeWaiting, unsure), nil
	}
	return wait(fleet.OutcomeStopped, 0), nil
}

// mayLook reports whether a look at an idle runner leaves GitHub's limit to everything else.
// Such a look can wait: a runner that GitHub has deleted ends by itself.
func (s Step) mayLook(ctx context.Context, runner fleet.Runner) (bool, error) {
	b, err := s.Budgets.Budget(ctx, s.Fleet.PlaceOf(runner), s.Fleet.Now())
	switch {
	case err != nil:
		return true, nil // the look finds out
	case b.Known() && !b.LeavesHalf(s.Fleet.Now()):
		return false, nil
	}
	return s.Fleet.Spare(ctx, b)
}

func since(now time.Time, r fleet.Runner, stage fleet.Stage) time.Duration {
	at := r.At(stage)
	if at.IsZero() {
		at = r.At(fleet.StageLaunched)
	}
	return now.Sub(at)
}

func orNobody(reason string) string {
	if reason == "" {
		return "no job expects this runner any more"
	}
	return reason
}

// wait rounds up to a whole second: Step Functions refuses a time-out of 0.
func wait(outcome string, d time.Duration) fleet.Wait {
	return fleet.Wait{Outcome: outcome, Seconds: max(1, int((d+time.Second-1)/time.Second))}
}
