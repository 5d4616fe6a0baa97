package why

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Read reads what is needed to answer about a job or a runner: a few records by their
// keys, however many there are.
func Read(ctx context.Context, src report.Source, subject Subject, now time.Time) (Facts, error) {
	f := Facts{Now: now, Subject: subject}
	settings, err := src.Settings(ctx)
	if err != nil {
		return f, err
	}
	f.Policy, f.GitHubURL, f.GitHubCA = report.PolicyOf(settings), settings.GitHubURL, settings.GitHubCA
	runID := subject.RunID()
	if subject.RunnerID != "" {
		runner, ok, err := src.Runner(ctx, subject.RunnerID)
		if err != nil || !ok {
			return f, err
		}
		f.Runner, runID = &runner, runOf(runner)
	}
	run, ok, err := src.Run(ctx, runID)
	if err != nil || !ok {
		return f, err
	}
	f.Run = &run
	return f, f.readAround(ctx, src)
}

// readAround reads what belongs to the run.
func (f *Facts) readAround(ctx context.Context, src report.Source) (err error) {
	run := f.Run
	if f.Runners, err = src.RunnersOf(ctx, run.RunID); err != nil {
		return err
	}
	for _, id := range []string{run.RanOn, run.RunnerID} { // of a swap
		if id == "" || slices.ContainsFunc(f.Runners, func(r fleet.Runner) bool { return r.RunnerID == id }) {
			continue
		}
		runner, ok, err := src.Runner(ctx, id)
		if err != nil {
			return err
		}
		if ok {
			f.Runners = append(f.Runners, runner)
		}
	}
	slices.SortFunc(f.Runners, func(a, b fleet.Runner) int {
		return cmp.Or(a.At(fleet.StageLaunched).Compare(b.At(fleet.StageLaunched)), cmp.Compare(a.RunnerID, b.RunnerID))
	})
	if run.Status.Terminal() {
		return nil
	}
	if f.Capacity, err = src.Capacity(ctx); err != nil {
		return err
	}
	if run.Retrying() && run.Setback.Hold != "" {
		holds, err := src.HoldsBelow(ctx, run.Setback.Hold, 1)
		if err != nil {
			return err
		}
		if len(holds) == 1 && holds[0].Key == run.Setback.Hold {
			f.Hold = &holds[0]
		}
	}
	if run.ImageTag == "" {
		return nil
	}
	image, ok, err := src.Image(ctx, run.ImageTag)
	if err != nil {
		return err
	}
	if ok {
		f.Image = &image
	}
	f.Lock, err = src.BuildLock(ctx, run.ImageTag)
	return err
}

// runOf is the run that a runner has, or had: of the job that it took, else the one that
// expects it, else the one that it was launched for.
func runOf(r fleet.Runner) string {
	if r.Took != 0 {
		return fleet.RunID(r.Took)
	}
	return cmp.Or(r.For, r.RunID)
}
