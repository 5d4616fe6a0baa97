package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// QueuedAgain handles a job that GitHub reports as queued although it is recorded as
// running. If the runner that took it has closed, and GitHub says so twice, minutes
// apart, and once more when it is asked for this very job, QueuedAgain launches the run
// again. It reports whether GitHub took the job back; if the run is then not launched,
// the sweep finds it as any other.
func (f Fleet) QueuedAgain(ctx context.Context, runID string) (takenBack bool, err error) {
	run, err := f.ReadRun(ctx, runID)
	if err != nil {
		return false, err
	}
	confirmed := run.TakenBack(f.Now())
	if confirmed {
		job, err := f.GitHub.Job(ctx, run.Job.Repository, run.Job.JobID)
		if err != nil {
			return false, err
		}
		if queued, err := f.LearnJob(ctx, job); err != nil || !queued {
			return false, err
		}
	}
	err = f.change(ctx, func() (fleet.Changes, error) {
		takenBack = false
		run, err := f.ReadRun(ctx, runID)
		if err != nil {
			return fleet.Changes{}, err
		}
		had, closed, err := f.had(ctx, run)
		if err != nil || !closed {
			return fleet.Changes{}, err
		}
		if takenBack = confirmed && run.TakenBack(f.Now()); takenBack {
			changes := fleet.Changes{Runs: []fleet.Run{run.TakeBack(f.Now())}}
			if had != nil && had.For == runID {
				had.For = ""
				changes.Runners = []fleet.Runner{*had}
			}
			return changes, nil
		}
		run, changed := run.NoteQueuedAgain(f.Now())
		if !changed {
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
	if err != nil || !takenBack {
		return false, err
	}
	_, err = f.Launch(ctx, runID)
	return true, err
}

// had reads the runner that took the job of a run, if it is one of ours that is still
// known. closed reports that no runner of ours can have the job.
func (f Fleet) had(ctx context.Context, run fleet.Run) (runner *fleet.Runner, closed bool, err error) {
	if run.RanOn == "" {
		return nil, true, nil
	}
	had, known, err := f.Records.Runner(ctx, run.RanOn)
	if err != nil || !known {
		return nil, err == nil, err
	}
	return &had, had.Phase == fleet.Closed, nil
}
