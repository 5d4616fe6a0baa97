package local

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// takeUp continues what an earlier process left open. The ledger knows the tasks of
// that process already, so an execution that resumes starts no second one. The ledger
// reports its tasks last, when every execution can receive the reports.
func (f *Fleet) takeUp(ctx context.Context) error {
	if err := f.engine.Resume(ctx); err != nil {
		return err
	}
	if err := f.takeUpBuilds(ctx); err != nil {
		return err
	}
	runners, err := f.store.OpenRunners(ctx)
	if err != nil {
		return err
	}
	for _, r := range runners {
		if err := f.takeUpRunner(ctx, r); err != nil {
			return err
		}
	}
	if err := f.lifecycle.LaunchWaiting(ctx); err != nil {
		return err
	}
	if err := f.platform.Resume(); err != nil {
		f.cfg.Log.Warn("an earlier process left what cannot be used", "error", err.Error())
	}
	return nil
}

// takeUpRunner starts the execution of a runner that has none yet, and reports again
// that its task has stopped, since the bus lost the events that it held. A task that
// the ledger does not know no longer exists.
func (f *Fleet) takeUpRunner(ctx context.Context, r fleet.Runner) error {
	if (r.RunID != "" || r.IsWarm()) && r.TaskARN == "" {
		if err := f.lifecycle.StartAgain(ctx, r); err != nil {
			return err
		}
	}
	for _, task := range f.platform.List(r.RunnerID) {
		if task.LastStatus == fleet.TaskStopped {
			f.put(fleet.TaskEvent, task)
		}
	}
	if _, known := f.platform.Ledger.Describe(r.TaskARN); !known && r.TaskARN != "" {
		now := time.Now()
		gone := r.TaskGone("nothing of it is known any more")
		gone.StoppedAt = &now
		f.put(fleet.TaskEvent, gone)
	}
	return nil
}
