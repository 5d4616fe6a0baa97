package lifecycle

import (
	"cmp"
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// AfterJob checks a runner whose job has ended, as far as the records know, and whose
// task is still running; ended is when the job ended. A webhook may report the end while
// the job still runs (actions/runner#4492), so the task is stopped only after two looks
// in a row, limits.after_job apart. Each look needs GitHub to show the job as completed
// on this runner, and to delete the runner, which it refuses while the runner works.
//
// AfterJob does nothing until the next look is due. It may be repeated after it was cut
// short anywhere. It reports whether it asked the task to stop.
func (f Fleet) AfterJob(ctx context.Context, runnerID string, ended time.Time) (stopped bool, err error) {
	runner, err := f.ReadRunner(ctx, runnerID)
	if err != nil || !f.OutlivesJob(runner) {
		return false, err
	}
	over, err := f.jobIsOver(ctx, runner)
	if err != nil {
		return false, err
	}
	reason := "its job ended on GitHub at " + ended.UTC().Format(time.RFC3339) + "; its task went on"
	runner, _, err = f.ChangeRunner(ctx, runnerID, func(r fleet.Runner) (_ fleet.Runner, changed bool) {
		if !f.OutlivesJob(r) {
			stopped = false // another sweep has looked, or the task has stopped
			return r, false
		}
		r, stopped = r.LookAfterJob(over, reason, f.Now())
		return r, true
	})
	if err != nil || !stopped {
		return false, err
	}
	return true, f.Tasks.Stop(ctx, runner.TaskARN, reason)
}

// OutlivesJob reports whether AfterJob has to look at a runner now, if its job has
// ended.
func (f Fleet) OutlivesJob(runner fleet.Runner) bool {
	// Functions of this release may still have the configuration of the release before.
	return runner.OutlivesJob(cmp.Or(f.Limits.AfterJob, fleet.DefaultLimits().AfterJob), f.Now())
}

// jobIsOver reports whether GitHub shows the job that the runner took as completed on
// that runner, and deletes the runner.
func (f Fleet) jobIsOver(ctx context.Context, runner fleet.Runner) (bool, error) {
	run, _, err := f.Records.Run(ctx, fleet.RunID(runner.Took))
	if err != nil {
		return false, err
	}
	job, err := f.GitHub.Job(ctx, f.RepositoryOf(runner, run), runner.Took)
	if fleet.IsNamed(err, fleet.GitHubNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ranOn, _, _ := fleet.ParseRunnerID(f.Name, job.RunnerName)
	if job.Status != fleet.JobCompleted || ranOn != runner.RunnerID {
		return false, nil
	}
	busy, err := f.Deregister(ctx, runner)
	return !busy, err
}
