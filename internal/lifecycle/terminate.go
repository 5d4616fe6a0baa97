package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Terminated is the outcome of a request to terminate a runner.
type Terminated string

const (
	TerminatedUnknown  Terminated = "unknown"      // there is no such runner
	TerminatedClosed   Terminated = "closed"       // it had ended already
	TerminatedEnding   Terminated = "ending"       // it had no job and is ending
	TerminatedBusy     Terminated = "busy"         // it has a job: left alone
	TerminatedStopping Terminated = "stopping_job" // its task is being stopped with the job
)

// Termination is the outcome of Terminate, and the job that the runner has, as far as it
// is known.
type Termination struct {
	Outcome Terminated
	JobID   int64
	JobName string
}

// Terminate ends a runner because an operator says so. Without force it is End: a runner
// that has a job is left alone.
//
// An action that StopsJobs has the task stopped although it may have a job. That is the one
// exception from the rule that a runner with a job is never killed: the operator asked for
// this very runner, knowing that. Its job then ends on GitHub, as cancelled or failed, and
// its run with what the operator did: that is written before the task is stopped.
// Terminate may be repeated.
func (f Fleet) Terminate(ctx context.Context, runnerID string, by fleet.Action) (Termination, error) {
	by.RunnerID = runnerID
	runner, known, err := f.Records.Runner(ctx, runnerID)
	switch {
	case err != nil:
		return Termination{}, err
	case !known:
		return Termination{Outcome: TerminatedUnknown}, nil
	case runner.Phase == fleet.Closed:
		return Termination{Outcome: TerminatedClosed}, nil
	}
	ended, err := f.end(ctx, runnerID, by.EndReason(), &by)
	switch {
	case err != nil:
		return Termination{}, err
	case ended == EndDone:
		return Termination{Outcome: TerminatedEnding}, nil
	}
	if by.Command.StopsJobs() {
		runner, err = f.stopping(ctx, runnerID, by)
	} else {
		runner, err = f.ReadRunner(ctx, runnerID)
	}
	if err != nil {
		return Termination{}, err
	}
	t := Termination{Outcome: TerminatedBusy, JobID: runner.Took}
	if t.JobName, err = f.jobName(ctx, runner); err != nil || !by.Command.StopsJobs() {
		return t, err
	}
	t.Outcome = TerminatedStopping
	return t, f.Tasks.Stop(ctx, runner.TaskARN, by.EndReason())
}

// StoppingAll writes on all open runners that may have a job, and on their runs, that an
// operator stops them. The caller stops their tasks afterwards.
func (f Fleet) StoppingAll(ctx context.Context, open []fleet.Runner, by fleet.Action) error {
	if err := f.Records.Write(ctx, fleet.Changes{Actions: []fleet.Action{by}}); err != nil {
		return err
	}
	for _, r := range open {
		if _, err := f.stopping(ctx, r.RunnerID, by); err != nil {
			return err
		}
	}
	return nil
}

// stopping writes that an operator stops a runner although it has, or may have, a job.
func (f Fleet) stopping(ctx context.Context, runnerID string, by fleet.Action) (runner fleet.Runner, err error) {
	by.RunnerID = runnerID
	err = f.change(ctx, func() (fleet.Changes, error) {
		if runner, err = f.ReadRunner(ctx, runnerID); err != nil {
			return fleet.Changes{}, err
		}
		if runner.Phase == fleet.Closed || runner.Reason == by.EndReason() {
			return fleet.Changes{}, nil
		}
		run, err := f.concerned(ctx, runner)
		if err != nil {
			return fleet.Changes{}, err
		}
		listed := by
		var changes fleet.Changes
		if run != nil && !run.Status.Terminal() {
			listed.RunID = run.RunID
			changes.Runs = []fleet.Run{run.Trace(listed)}
		}
		runner.Reason = by.EndReason()
		runner = runner.Trace(listed)
		changes.Runners = []fleet.Runner{runner}
		if by.Listed() {
			changes.Actions = []fleet.Action{listed}
		}
		return changes, nil
	})
	return runner, err
}

func (f Fleet) jobName(ctx context.Context, runner fleet.Runner) (string, error) {
	if runner.Took == 0 {
		return "", nil // only GitHub's refusal shows that it has a job
	}
	run, _, err := f.Records.Run(ctx, fleet.RunID(runner.Took))
	return run.Job.Name, err
}
