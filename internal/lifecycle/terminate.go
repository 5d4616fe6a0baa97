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
// With force the task is stopped although it may have a job. That is the one exception
// from the rule that a runner with a job is never killed: the operator asked for this
// very runner, knowing that. Its job then ends on GitHub, as cancelled or failed, and
// its run with what GitHub says. Terminate may be repeated.
func (f Fleet) Terminate(ctx context.Context, runnerID, reason string, force bool) (Termination, error) {
	runner, known, err := f.Records.Runner(ctx, runnerID)
	switch {
	case err != nil:
		return Termination{}, err
	case !known:
		return Termination{Outcome: TerminatedUnknown}, nil
	case runner.Phase == fleet.Closed:
		return Termination{Outcome: TerminatedClosed}, nil
	}
	ended, err := f.End(ctx, runnerID, reason)
	switch {
	case err != nil:
		return Termination{}, err
	case ended == EndDone:
		return Termination{Outcome: TerminatedEnding}, nil
	}
	runner, _, err = f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		if !force || r.Phase == fleet.Closed || r.Reason == reason {
			return r, false
		}
		r.Reason = reason
		return r, true
	})
	if err != nil {
		return Termination{}, err
	}
	t := Termination{Outcome: TerminatedBusy, JobID: runner.Took}
	if t.JobName, err = f.jobName(ctx, runner); err != nil || !force {
		return t, err
	}
	t.Outcome = TerminatedStopping
	return t, f.Tasks.Stop(ctx, runner.TaskARN, reason)
}

func (f Fleet) jobName(ctx context.Context, runner fleet.Runner) (string, error) {
	if runner.Took == 0 {
		return "", nil // only GitHub's refusal shows that it has a job
	}
	run, _, err := f.Records.Run(ctx, fleet.RunID(runner.Took))
	return run.Job.Name, err
}
