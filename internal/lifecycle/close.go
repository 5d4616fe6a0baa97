package lifecycle

import (
	"cmp"
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Close closes a runner with the failure of the fleet, if there was one, and its run if
// that has ended. If the runner took a job whose end no webhook has reported, Close asks
// GitHub; without an answer the run stays open for the webhook or the sweep.
func (f Fleet) Close(ctx context.Context, runnerID string, plan *fleet.Plan, name, cause string) (fleet.CloseResult, error) {
	job, err := f.jobOf(ctx, runnerID)
	if err != nil {
		return fleet.CloseResult{}, err
	}
	var res fleet.CloseResult
	err = f.change(ctx, func() (fleet.Changes, error) {
		facts := fleet.CloseFacts{Plan: plan, Job: job, Error: name, Cause: cause, RefusalStatus: f.RefusalStatus, SpotRetry: f.SpotRetry, Deployment: f.Deployment, Now: f.Now()}
		var err error
		if facts.Runner, err = f.ReadRunner(ctx, runnerID); err != nil {
			return fleet.Changes{}, err
		}
		if facts.Run, err = f.concerned(ctx, facts.Runner); err != nil {
			return fleet.Changes{}, err
		}
		if facts.Capacity, err = f.Records.Capacity(ctx); err != nil {
			return fleet.Changes{}, err
		}
		keys := facts.Runner.Tries
		if facts.Run != nil && name != "" {
			keys = append(facts.Run.HoldKeys(), keys...)
		}
		if facts.Holds, err = f.Records.Holds(ctx, keys); err != nil {
			return fleet.Changes{}, err
		}
		res = fleet.Close(facts)
		return res.Changes, nil
	})
	if err != nil {
		return res, err
	}
	for _, h := range res.Held {
		f.Log.ErrorContext(ctx, "launches are held", "hold", h.Key, "reason", h.Name+": "+h.Cause, "next_try_at", h.NextTry)
	}
	return res, nil
}

// Finish closes a runner for good: first it removes what the runner may have left on
// GitHub and on the platform, and afterwards it launches runs that wait for its place.
// It may be repeated from any point.
func (f Fleet) Finish(ctx context.Context, runnerID string, plan *fleet.Plan, name, cause string) (_ fleet.CloseResult, next string, err error) {
	if err := f.letGo(ctx, runnerID, name, cause); err != nil {
		f.forget(ctx, runnerID)
		return fleet.CloseResult{}, "", err
	}
	closed, err := f.Close(ctx, runnerID, plan, name, cause)
	if err != nil {
		return closed, "", err
	}
	// Also launch the run that the runner was launched for: the process that closed the
	// runner may have died before this line.
	for _, runID := range []string{closed.Relaunch, closed.Runner.RunID} {
		if runID == "" || next != "" {
			continue
		}
		if next, err = f.Launch(ctx, runID); err != nil {
			return closed, "", err
		}
		if next == runnerID {
			next = ""
		}
	}
	if err := f.LaunchWaiting(ctx); err != nil {
		return closed, next, err
	}
	if err := f.LaunchShare(ctx, closed.Runner.Repository); err != nil {
		return closed, next, err
	}
	return closed, next, f.launchFreed(ctx, closed.Runner.Rule)
}

// letGo ends what a runner may have left that failed, or whose end was cut short: a task
// that could still take a job, and registrations. If GitHub calls the runner busy, its
// task stays; its record closes all the same, and the run stays RUNNING until GitHub
// reports the end.
func (f Fleet) letGo(ctx context.Context, runnerID, name, cause string) error {
	runner, err := f.ReadRunner(ctx, runnerID)
	if err != nil || runner.Phase == fleet.Closed {
		return err
	}
	switch {
	case runner.Stopped():
		f.dropRegistration(ctx, runner)
	case (name != "" || runner.Phase == fleet.Closing) && runner.Took == 0:
		_, err = f.End(ctx, runnerID, cmp.Or(cause, runner.Reason))
	default:
		_, err = f.Deregister(ctx, runner)
	}
	if fleet.IsNamed(err, fleet.GitHubUnauthorized, fleet.GitHubNoAccess, fleet.GitHubNotFound, fleet.GitHubInvalid) {
		f.Log.WarnContext(ctx, "leaving what the runner may have on GitHub", "runner_id", runnerID, "error", err.Error())
		return nil
	}
	return err
}

// dropRegistration deletes the newest registration of a runner whose task has stopped,
// with one request. Such a runner has no job and can take none, so its end does not wait
// for GitHub: if GitHub does not delete the registration now, the sweep does it later.
func (f Fleet) dropRegistration(ctx context.Context, runner fleet.Runner) {
	ranWell := runner.Took != 0 && runner.ExitCode != nil && *runner.ExitCode == 0
	if runner.RegistrationID == 0 || ranWell { // then GitHub deletes it itself
		return
	}
	err := f.GitHub.Delete(ctx, f.PlaceOf(runner), runner.RegistrationID)
	if err != nil && !fleet.IsNamed(err, fleet.GitHubNotFound) {
		f.Log.WarnContext(ctx, "leaving the registration of a runner that has stopped to the sweep", "runner_id", runner.RunnerID, "error", err.Error())
	}
}

// forget removes the token of a runner whose end has to be tried again: its execution
// does not wait for a signal any more.
func (f Fleet) forget(ctx context.Context, runnerID string) {
	_, _, err := f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		return r.Forget(), r.TaskToken != ""
	})
	if err != nil { // the next try does it
		f.Log.WarnContext(ctx, "leaving the token of a runner that is ending", "runner_id", runnerID, "error", err.Error())
	}
}

// concerned returns the run that a runner's end concerns: the run of the job that it
// took, or else the run that expects it.
func (f Fleet) concerned(ctx context.Context, runner fleet.Runner) (*fleet.Run, error) {
	if runner.Took == 0 {
		return f.expecting(ctx, runner)
	}
	run, ok, err := f.Records.Run(ctx, fleet.RunID(runner.Took))
	if err != nil || !ok {
		return nil, err
	}
	return &run, nil
}

// jobOf asks GitHub for the job that a runner took, if its run is still open.
func (f Fleet) jobOf(ctx context.Context, runnerID string) (*fleet.Job, error) {
	runner, err := f.ReadRunner(ctx, runnerID)
	if err != nil || runner.Took == 0 {
		return nil, err
	}
	run, err := f.concerned(ctx, runner)
	if err != nil || run == nil || run.Status.Terminal() {
		return nil, err
	}
	job, err := f.GitHub.Job(ctx, f.RepositoryOf(runner, *run), runner.Took)
	if err != nil {
		f.Log.WarnContext(ctx, "leaving the run open: GitHub did not say how its job ended", "run_id", run.RunID, "error", err.Error())
		return nil, nil
	}
	return &job, nil
}
