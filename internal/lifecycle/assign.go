package lifecycle

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Took records that a runner of ours took a job, mends the expectations of
// whoever is concerned, and lets the executions know. job may be of a run that
// was never heard of: its record is made now.
func (f Fleet) Took(ctx context.Context, job fleet.Job, runnerID string, at time.Time) error {
	var res fleet.TookResult
	err := f.change(ctx, func() (fleet.Changes, error) {
		facts, ok, err := f.tookFacts(ctx, job, runnerID, at)
		if err != nil || !ok {
			return fleet.Changes{}, err
		}
		res = fleet.Took(facts)
		return res.Changes, nil
	})
	if err != nil {
		return err
	}
	runner, ok, err := f.Records.Runner(ctx, runnerID)
	if err != nil || !ok {
		return err
	}
	if err := f.Signal(ctx, runner); err != nil {
		return err
	}
	if !res.Known {
		if err := f.Passed(ctx, runner, fleet.PassedJob); err != nil {
			return err
		}
	}
	if res.Stop {
		if err := f.Tasks.Stop(ctx, runner.TaskARN, "policy refused the job that the runner took"); err != nil {
			return err
		}
	}
	// The run it was launched for is among them even if the fact was known and
	// whoever wrote it died before this line.
	for _, runID := range append(res.Relaunch, runner.RunID) {
		if err := f.launchDisplaced(ctx, runID); err != nil {
			return err
		}
	}
	end := res.End
	if res.Known {
		if end, err = f.leftover(ctx, job, runnerID); err != nil {
			return err
		}
	}
	for _, id := range end {
		if _, err := f.End(ctx, id, "its job ran on "+runnerID); err != nil {
			return err
		}
	}
	return nil
}

// launchDisplaced launches a run that lost its runner, unless that happens so
// often that it is left to the sweep.
func (f Fleet) launchDisplaced(ctx context.Context, runID string) error {
	run, ok, err := f.Records.Run(ctx, runID)
	if err != nil || !ok || run.Displaced > fleet.MaxDisplaced {
		return err
	}
	_, err = f.Launch(ctx, runID)
	return err
}

// leftover is the job's own runner if nobody expects it any more: whoever gave
// it up died before it was ended.
func (f Fleet) leftover(ctx context.Context, job fleet.Job, runnerID string) ([]string, error) {
	run, ok, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
	if err != nil || !ok || run.LastRunner == "" || run.LastRunner == runnerID {
		return nil, err
	}
	last, ok, err := f.Records.Runner(ctx, run.LastRunner)
	if err != nil || !ok || last.For != "" || last.Took != 0 || last.Phase == fleet.Closed {
		return nil, err
	}
	return []string{last.RunnerID}, nil
}

func (f Fleet) tookFacts(ctx context.Context, job fleet.Job, runnerID string, at time.Time) (_ fleet.TookFacts, ok bool, err error) {
	facts := fleet.TookFacts{At: at}
	if facts.Runner, ok, err = f.Records.Runner(ctx, runnerID); err != nil || !ok {
		return facts, false, err // a runner of another fleet with our name, or long gone
	}
	if facts.Run, ok, err = f.Records.Run(ctx, fleet.RunID(job.JobID)); err != nil {
		return facts, false, err
	}
	if !ok {
		facts.Run = fleet.NewRun(job, f.Now())
	}
	if facts.Runner.For != "" && facts.Runner.For != facts.Run.RunID {
		meant, ok, err := f.Records.Run(ctx, facts.Runner.For)
		if err != nil {
			return facts, false, err
		}
		if ok {
			facts.Meant = &meant
		}
	}
	if id := facts.Run.RunnerID; id != "" && id != runnerID {
		own, ok, err := f.Records.Runner(ctx, id)
		if err != nil {
			return facts, false, err
		}
		if ok {
			facts.Expected = &own
		}
	}
	return facts, true, nil
}

// Completed closes a run with GitHub's conclusion and lets a runner that still
// waits for its job go. Jobs that were never queued (skipped ones) or whose
// queued event is late get their record now.
func (f Fleet) Completed(ctx context.Context, job fleet.Job) error {
	var run fleet.Run
	err := f.change(ctx, func() (fleet.Changes, error) {
		var ok bool
		var err error
		if run, ok, err = f.Records.Run(ctx, fleet.RunID(job.JobID)); err != nil {
			return fleet.Changes{}, err
		}
		if !ok {
			run = fleet.NewRun(job, f.Now()) // a late queued event must find it closed
		}
		closed := run.Complete(job, f.Now())
		if closed.Status == run.Status && closed.Conclusion == run.Conclusion {
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runs: []fleet.Run{closed}}, nil
	})
	if err != nil {
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

// Waiting puts a run aside until its environment is approved, and lets its
// runner go.
func (f Fleet) Waiting(ctx context.Context, job fleet.Job, receivedAt time.Time) error {
	var run fleet.Run
	err := f.change(ctx, func() (fleet.Changes, error) {
		was, ok, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
		if err != nil {
			return fleet.Changes{}, err
		}
		if !ok {
			was = fleet.NewRun(job, receivedAt)
		}
		if run = was.Wait(); run.Status == was.Status {
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
	if err != nil || run.Status != fleet.RunWaiting {
		return err
	}
	return f.endFor(ctx, run, "its job waits for the approval of its environment")
}

// Queued makes the run of a queued job, if it is new, waited for approval or had been
// given up, and launches it if it is wanted.
func (f Fleet) Queued(ctx context.Context, job fleet.Job, wants fleet.Wants, receivedAt time.Time) error {
	err := f.change(ctx, func() (fleet.Changes, error) {
		run, ok, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
		switch {
		case err != nil:
			return fleet.Changes{}, err
		case !ok:
			return fleet.Changes{Runs: []fleet.Run{fleet.NewRun(job, receivedAt).Want(wants)}}, nil
		}
		if next, changed := run.Requeue(job, receivedAt); changed {
			return fleet.Changes{Runs: []fleet.Run{next.Want(wants)}}, nil
		}
		return fleet.Changes{}, nil
	})
	if err != nil {
		return err
	}
	_, err = f.Launch(ctx, fleet.RunID(job.JobID))
	return err
}

// LearnJob acts on what GitHub's API says of a job, as the webhooks would have
// told. It returns whether the job still waits for a runner. A job that waits
// may name a runner all the same (there is one in GitHub's examples): that means
// nothing.
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

// runsElsewhere notes that somebody else's runner has the job of a run, and lets
// the runner go that waits for it.
func (f Fleet) runsElsewhere(ctx context.Context, job fleet.Job) error {
	var run fleet.Run
	err := f.change(ctx, func() (fleet.Changes, error) {
		was, ok, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
		run = was
		if err != nil || !ok || !was.Wanted() {
			return fleet.Changes{}, err
		}
		run = was.Move(fleet.RunRunning, f.elsewhere(job.RunnerName))
		run.WaitsForRoom = false
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
	if err != nil || run.Status != fleet.RunRunning || run.RanOn != "" {
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
// ones stay queued for ever.
func (f Fleet) WorkflowRunOver(ctx context.Context, runID string, w fleet.WorkflowRun) (reason string, err error) {
	reason = "its workflow run is over on GitHub (" + w.Conclusion + "), which still has the job queued"
	return reason, f.change(ctx, func() (fleet.Changes, error) {
		run, err := f.ReadRun(ctx, runID)
		if err != nil || !run.Wanted() {
			return fleet.Changes{}, err
		}
		run = run.Move(fleet.RunCancelled, reason).Mark(fleet.StageClosed, f.Now())
		run.Conclusion, run.WaitsForRoom = w.Conclusion, false
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
}
