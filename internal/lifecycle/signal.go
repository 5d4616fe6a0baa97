package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Signal completes the stage that the runner's execution waits for, if what it waits for
// has happened. It acts on the record alone, so every caller that has just written a
// fact or stored a token may call it, any number of times.
func (f Fleet) Signal(ctx context.Context, runner fleet.Runner) error {
	if runner.TaskToken == "" {
		return nil
	}
	switch runner.WaitingFor {
	case fleet.WaitForJob:
		return f.signalJob(ctx, runner)
	case fleet.WaitForStopped:
		if runner.Stopped() || runner.Phase == fleet.Closed {
			return f.succeed(ctx, runner, fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1})
		}
	case fleet.WaitForImage:
		if runner.Phase != fleet.Open {
			return f.fail(ctx, runner, fleet.RunnerNotWanted, runner.NotWanted())
		}
	}
	return nil
}

func (f Fleet) signalJob(ctx context.Context, runner fleet.Runner) error {
	switch {
	case runner.Took != 0:
		return f.succeed(ctx, runner, fleet.Wait{Outcome: fleet.OutcomeTook, Seconds: seconds(f.Limits.Inspect)})
	case runner.Stopped() && runner.Phase != fleet.Open:
		return f.fail(ctx, runner, fleet.RunnerNotWanted, runner.NotWanted())
	case runner.Stopped():
		name, cause, err := f.WhyStopped(ctx, runner)
		if err != nil {
			return err
		}
		if retriedByRunTask[name] {
			name = fleet.RunnerStoppedEarly
		}
		return f.fail(ctx, runner, name, cause)
	}
	return nil
}

// retriedByRunTask are names that Retry clauses of the state RunTask match, because
// there they mean that no task was started. This task has stopped, and a retry would
// find it stopped again each time. RecordFailure takes the right name from the record.
var retriedByRunTask = map[string]bool{fleet.RunnerNoCapacity: true, fleet.RunnerQuotaExceeded: true}

func (f Fleet) succeed(ctx context.Context, r fleet.Runner, wait fleet.Wait) error {
	return f.Executions.Succeed(ctx, r.TaskToken, encode(wait))
}

func (f Fleet) fail(ctx context.Context, r fleet.Runner, name, cause string) error {
	return f.Executions.Fail(ctx, r.TaskToken, name, cause)
}

// Heartbeat reports to the execution that its runner makes progress.
func (f Fleet) Heartbeat(ctx context.Context, runner fleet.Runner) error {
	if runner.TaskToken == "" || runner.WaitingFor != fleet.WaitForJob {
		return nil
	}
	return f.Executions.Heartbeat(ctx, runner.TaskToken)
}

// StoreToken records what the runner's execution waits for, and completes the token at
// once if that has happened already. A closed runner keeps no token, and one with a job keeps
// that of its end, but a late call gets the same answer.
func (f Fleet) StoreToken(ctx context.Context, runnerID, token, waitingFor string, status fleet.RunnerStatus) (fleet.Runner, error) {
	runner, _, err := f.ChangeBoth(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		late := r.Took != 0 && r.WaitingFor == fleet.WaitForStopped && waitingFor != fleet.WaitForStopped
		if late || r.Phase == fleet.Closed {
			return r, false
		}
		r.TaskToken, r.WaitingFor = token, waitingFor
		return r.Progress(status), true
	})
	if err != nil {
		return runner, err
	}
	runner.TaskToken, runner.WaitingFor = token, waitingFor
	return runner, f.Signal(ctx, runner)
}
