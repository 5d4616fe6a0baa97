package local

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// measureSweep measures a sweep as on AWS, and what AWS counts there by itself.
func (f *Fleet) measureSweep(ctx context.Context, repairs sweep.Repairs, err error) error {
	err = sweep.Measure(ctx, f.measured, f.store, repairs, err)
	f.measured.Put(metric.Sweeps, 1, nil)
	if err != nil && ctx.Err() == nil {
		f.measured.Put(metric.SweepsFailed, 1, nil)
	}
	return err
}

// measureLevels measures what the records have at this moment.
func (f *Fleet) measureLevels(ctx context.Context, to metric.Recorder) error {
	to.Put(metric.MaxRunners, float64(f.cfg.Policy.MaxRunners), nil)
	if _, err := sweep.MeasureLevels(ctx, to, f.store); err != nil {
		return err
	}
	runners, err := f.store.OpenRunners(ctx)
	if err != nil {
		return err
	}
	statuses := map[fleet.RunnerStatus]int{fleet.RunnerStarting: 0, fleet.RunnerImageCreating: 0, fleet.RunnerWaitingForJob: 0, fleet.RunnerRunning: 0}
	for _, r := range runners {
		statuses[r.Status]++
	}
	for status, n := range statuses {
		to.Put(metric.Runners, float64(n), metric.Labels{metric.ByStatus: string(status)})
	}
	if err := f.measurePools(to, runners); err != nil {
		return err
	}
	holds, err := f.store.HoldsBelow(ctx, "", report.MostListed)
	if err != nil {
		return err
	}
	kinds := map[fleet.SetbackKind]int{}
	for _, h := range holds {
		if h.Shown() {
			kinds[h.Kind]++
		}
	}
	for _, kind := range fleet.SetbackKinds() {
		to.Put(metric.Holds, float64(kinds[kind]), metric.Labels{metric.ByKind: string(kind)})
	}
	return nil
}

// measurePools measures the pools of warm runners, and nothing of a fleet without.
func (f *Fleet) measurePools(to metric.Recorder, open []fleet.Runner) error {
	pools, err := f.cfg.Policy.Pools()
	if err != nil || len(pools) == 0 {
		return err
	}
	wanted, idle := 0, 0
	for _, p := range pools {
		wanted += p.Wanted(time.Now())
	}
	for _, r := range open {
		if r.Idle() && !r.At(fleet.StageRegistered).IsZero() {
			idle++
		}
	}
	to.Put(metric.WarmWanted, float64(wanted), nil)
	to.Put(metric.WarmIdle, float64(idle), nil)
	return nil
}

// counted are records that count the runs that end.
type counted struct {
	*sqlite.Store
	to metric.Recorder
}

// Write counts a run when its status becomes a terminal one: a run that has ended may be
// written again.
func (c counted) Write(ctx context.Context, changes fleet.Changes) error {
	var ended []fleet.Run
	var before []fleet.Run
	for _, run := range changes.Runs {
		if !run.Status.Terminal() {
			continue
		}
		was, _, err := c.Run(ctx, run.RunID)
		if err != nil {
			return err
		}
		ended, before = append(ended, run), append(before, was)
	}
	if err := c.Store.Write(ctx, changes); err != nil {
		return err
	}
	for i, run := range ended {
		if run.Status != before[i].Status {
			c.to.Put(metric.RunsEnded, 1, metric.Labels{metric.ByStatus: string(run.Status)})
		}
		if took, known := run.JobTime(); known && before[i].At(fleet.StageJobCompleted).IsZero() {
			c.to.Put(metric.JobTime, float64(took.Milliseconds()), nil)
		}
	}
	return nil
}
