package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Completed closes a run with GitHub's conclusion and ends a runner that still waits for
// its job. Jobs that were never queued (skipped ones), or whose queued event is late,
// get their record now.
func (f Fleet) Completed(ctx context.Context, job fleet.Job) error {
	run, _, err := f.changeRun(ctx, fleet.RunID(job.JobID), func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known {
			run = fleet.NewRun(job, f.Now()) // a late queued event must find it closed
		}
		if run.Job.IsOfAnother(job) {
			return run, false
		}
		closed := run.Complete(job, f.Now())
		return closed, closed.Status != run.Status || closed.Conclusion != run.Conclusion
	})
	if err != nil || run.Job.IsOfAnother(job) {
		return err
	}
	if err := f.JobEnded(ctx, job.Repository); err != nil || run.RanOn != "" {
		return err
	}
	return f.endFor(ctx, run, "its job was "+orCompleted(job.Conclusion)+" on GitHub before it took it")
}

func orCompleted(conclusion string) string {
	if conclusion == fleet.ConclusionCancelled {
		return conclusion
	}
	return "completed"
}

// Waiting lets a run wait until its environment is approved, and ends its runner.
func (f Fleet) Waiting(ctx context.Context, job fleet.Job, receivedAt time.Time) error {
	run, _, err := f.changeRun(ctx, fleet.RunID(job.JobID), func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known {
			run = fleet.NewRun(job, receivedAt)
		}
		if run.Job.IsOfAnother(job) {
			return run, false
		}
		waits := run.Wait()
		return waits, waits.Status != run.Status
	})
	if err != nil || run.Status != fleet.RunWaiting || run.Job.IsOfAnother(job) {
		return err
	}
	return f.endFor(ctx, run, "its job waits for the approval of its environment")
}

// Queued makes the run of a queued job, if the run is new, waited for an approval or had
// been given up, and launches it if it is wanted.
func (f Fleet) Queued(ctx context.Context, job fleet.Job, wants fleet.Wants, receivedAt time.Time) error {
	_, _, err := f.launchAs(ctx, fleet.RunID(job.JobID), func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known {
			return fleet.NewRun(job, receivedAt).Want(wants), true
		}
		if run.Job.IsOfAnother(job) {
			return run, false
		}
		next, changed := run.Requeue(job, receivedAt)
		return next.Want(wants), changed
	})
	return err
}

// LearnJob acts on the state of a job in GitHub's API as the webhooks would have. It
// reports whether the job still waits for a runner. A waiting job may name a runner all
// the same (there is one in GitHub's examples): that means nothing.
func (f Fleet) LearnJob(ctx context.Context, job fleet.Job) (queued bool, err error) {
	began := job.Status == fleet.JobInProgress || job.Status == fleet.JobCompleted
	if runnerID, _, ours := fleet.ParseRunnerID(f.Name, job.RunnerName); ours && began {
		at := f.Now()
		if job.StartedAt != nil {
			at = *job.StartedAt
		}
		if err := f.Took(ctx, job, runnerID, at); err != nil {
			return false, err
		}
	}
	switch job.Status {
	case fleet.JobCompleted:
		return false, f.Completed(ctx, job)
	case fleet.JobWaiting:
		return false, f.Waiting(ctx, job, f.Now())
	case fleet.JobInProgress:
		return false, f.runsElsewhere(ctx, job)
	}
	return true, nil
}

// AskAfter asks GitHub about the job that a runner was meant for, acts on the answer as
// LearnJob does, and returns the runner as it then is: perhaps no webhook reported that
// it took the job. AskAfter fails with Untold if it learns nothing of the job, and then
// returns the runner as it was.
func (f Fleet) AskAfter(ctx context.Context, runner fleet.Runner) (fleet.Runner, error) {
	runID := cmp.Or(runner.For, runner.RunID)
	if runID == "" {
		return runner, Untold{NoSuchJob: true, Err: fmt.Errorf("no run has expected runner %s yet", runner.RunnerID)}
	}
	run, known, err := f.Records.Run(ctx, runID)
	switch {
	case err != nil:
		return runner, err
	case !known:
		return runner, Untold{NoSuchJob: true, Err: noRecord(runID)}
	}
	job, err := f.GitHub.Job(ctx, f.RepositoryOf(runner, run), run.Job.JobID)
	if err != nil {
		return runner, Untold{NoSuchJob: fleet.IsNamed(err, fleet.GitHubNotFound), Err: err}
	}
	if _, err := f.LearnJob(ctx, job); err != nil {
		return runner, err
	}
	now, err := f.ReadRunner(ctx, runner.RunnerID)
	if err != nil {
		return runner, err
	}
	return now, nil
}

// RepositoryOf is where GitHub has the job of a run that a runner is meant for, or took: in
// the repository that the runner was launched for, unless its place is shared.
func (f Fleet) RepositoryOf(runner fleet.Runner, run fleet.Run) string {
	if fleet.IsShared(f.PlaceOf(runner)) && run.Job.Repository != "" {
		return run.Job.Repository
	}
	return runner.Repository
}

// PlaceOf is where a runner is registered, or will be.
func (f Fleet) PlaceOf(runner fleet.Runner) string {
	return cmp.Or(runner.RegisteredIn, f.SharedPlace, runner.Repository)
}

// Untold is the error of AskAfter if it learns nothing of a job: GitHub did not answer,
// or there is NoSuchJob, since GitHub does not show it or its run has no record.
type Untold struct {
	NoSuchJob bool
	Err       error
}

func (u Untold) Error() string { return u.Err.Error() }
func (u Untold) Unwrap() error { return u.Err }

// runsElsewhere records that a runner which is not the fleet's has the job of a run, and
// ends the runner that waits for the job.
func (f Fleet) runsElsewhere(ctx context.Context, job fleet.Job) error {
	run, _, err := f.changeRun(ctx, fleet.RunID(job.JobID), func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known || !run.Wanted() || run.Job.IsOfAnother(job) {
			return run, false
		}
		run = run.Move(fleet.RunRunning, f.elsewhere(job.RunnerName))
		run.WaitsForRoom = false
		return run, true
	})
	if err != nil || run.Status != fleet.RunRunning || run.RanOn != "" || run.Job.IsOfAnother(job) {
		return err
	}
	return f.endFor(ctx, run, "its job runs on "+job.RunnerName)
}

func (f Fleet) elsewhere(runnerName string) string {
	if _, _, ours := fleet.ParseRunnerID(f.Name, runnerName); ours {
		return "GitHub says that runner " + runnerName + ", which has ended, has the job"
	}
	return "GitHub gave the job to runner " + runnerName + ", which is not this fleet's"
}

// WorkflowRunOver ends a run whose workflow run is over on GitHub: some jobs of such
// workflow runs stay queued for ever.
func (f Fleet) WorkflowRunOver(ctx context.Context, runID string, w fleet.WorkflowRun) (reason string, err error) {
	reason = fleet.WorkflowRunOver + " (" + w.Conclusion + "), which still has the job queued"
	_, _, err = f.changeRun(ctx, runID, func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known || !run.Wanted() {
			return run, false
		}
		run = run.Move(fleet.RunCancelled, reason).Mark(fleet.StageClosed, f.Now())
		run.Conclusion, run.WaitsForRoom = w.Conclusion, false
		return run, true
	})
	return reason, err
}
