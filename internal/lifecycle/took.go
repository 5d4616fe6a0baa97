package lifecycle

import (
	"context"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Took records that a runner of ours took a job, corrects which runs expect which
// runners, and signals the executions. If job's run has no record yet, Took makes it
// now.
func (f Fleet) Took(ctx context.Context, job fleet.Job, runnerID string, at time.Time) error {
	var res fleet.TookResult
	write := func(ctx context.Context, changes fleet.Changes) error {
		if !res.Apart || !f.HandledAgain {
			return f.Records.Write(ctx, changes)
		}
		// If this process dies in between, the event is handled again and adds the run.
		if err := f.Records.Write(ctx, fleet.Changes{Runners: changes.Runners}); err != nil {
			return err
		}
		return f.Records.Write(ctx, fleet.Changes{Runs: changes.Runs})
	}
	err := f.changeBy(ctx, write, func() (fleet.Changes, error) {
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
		if err := f.Tasks.Stop(ctx, runner.TaskARN, fleet.StoppedByPolicy); err != nil {
			return err
		}
	}
	// The run that the runner was launched for is among them even if the fact was
	// already known: the process that wrote it may have died before this line.
	for _, runID := range append(res.Relaunch, runner.RunID) {
		if runID == "" {
			continue
		}
		if err := f.launchDisplaced(ctx, runID); err != nil {
			return err
		}
	}
	if err := f.launchFreed(ctx, res.Freed...); err != nil {
		return err
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

// launchDisplaced launches a run that lost its runner. If that happens too often, it
// leaves the run to the sweep.
func (f Fleet) launchDisplaced(ctx context.Context, runID string) error {
	run, ok, err := f.Records.Run(ctx, runID)
	if err != nil || !ok || run.Displaced > fleet.MaxDisplaced {
		return err
	}
	_, err = f.Launch(ctx, runID)
	return err
}

// leftover returns the job's own runner if no run expects it any more: the process that
// gave it up died before it ended the runner.
func (f Fleet) leftover(ctx context.Context, job fleet.Job, runnerID string) ([]string, error) {
	run, ok, err := f.Records.Run(ctx, fleet.RunID(job.JobID))
	if err != nil || !ok || run.LastRunner == "" || run.LastRunner == runnerID {
		return nil, err
	}
	last, ok, err := f.Records.Runner(ctx, run.LastRunner)
	if err != nil || !ok || last.For != "" || last.Took != 0 || last.Phase == fleet.Closed || last.Idle() {
		return nil, err
	}
	return []string{last.RunnerID}, nil
}

func (f Fleet) tookFacts(ctx context.Context, job fleet.Job, runnerID string, at time.Time) (_ fleet.TookFacts, ok bool, err error) {
	facts := fleet.TookFacts{At: at, RefusalStatus: f.RefusalStatus, Now: f.Now()}
	if facts.Runner, ok, err = f.Records.Runner(ctx, runnerID); err != nil || !ok {
		return facts, false, err // a runner of another fleet with our name, or long gone
	}
	if ok, err = f.isRegistered(ctx, facts.Runner, job); err != nil || !ok {
		return facts, false, err
	}
	if facts.Run, ok, err = f.Records.Run(ctx, fleet.RunID(job.JobID)); err != nil {
		return facts, false, err
	}
	if ok && facts.Run.Job.IsOfAnother(job) {
		return facts, false, nil
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
	facts.Run = f.ruled(facts.Run)
	if facts.MayRecount() {
		capacity, err := f.Records.Capacity(ctx)
		if err != nil {
			return facts, false, err
		}
		facts.Capacity = &capacity
	}
	return facts, true, nil
}

// isRegistered reports whether GitHub may have given the job to the runner: it is
// registered in one repository, organization or enterprise, under one id. Names are not
// enough: a runner of the same name may have been registered in another repository, or in
// this one before ours. Which organizations an enterprise has is not known: it is the
// fleet's repositories whose jobs come here.
func (f Fleet) isRegistered(ctx context.Context, runner fleet.Runner, job fleet.Job) (bool, error) {
	latest := job.RunnerName == fleet.RunnerName(runner.RunnerID, runner.Claims)
	if latest && job.RunnerID != 0 && job.RunnerID != runner.RegistrationID {
		return false, nil
	}
	if runner.RunID == fleet.RunID(job.JobID) {
		return true, nil
	}
	if organization, ok := fleet.OrganizationOf(f.PlaceOf(runner)); ok {
		return strings.EqualFold(job.Owner(), organization), nil
	}
	if _, ok := fleet.EnterpriseOf(f.PlaceOf(runner)); ok {
		return true, nil
	}
	if runner.IsWarm() {
		if runner.RepositoryID != 0 && job.RepositoryID != 0 {
			return runner.RepositoryID == job.RepositoryID, nil
		}
		return fleet.SameRepository(runner.Repository, job.Repository), nil
	}
	run, ok, err := f.Records.Run(ctx, runner.RunID)
	if err != nil {
		return false, err
	}
	if known := ok && run.Job.RepositoryID != 0 && job.RepositoryID != 0; known {
		return run.Job.RepositoryID == job.RepositoryID, nil
	}
	return fleet.SameRepository(runner.Repository, job.Repository), nil
}
