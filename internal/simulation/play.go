package simulation

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Played is a history that was played for its numbers.
type Played struct {
	Result
	// Lived are all runs with their runners, the newest first.
	Lived []report.Lived
	// Warm are the warm runners, those without a job too, the newest first.
	Warm []fleet.Runner
	// Room are the times in which each run waited for room, by its id.
	Room map[string][]Span
	// From and End are when it began and ended, in virtual time.
	From, End time.Time
	// BuildTimes are how long CodeBuild built each image.
	BuildTimes []time.Duration
	// Limit is how many requests an hour GitHub allows the fleet.
	Limit int
	// LongestTask is from RunTask until the task stopped.
	LongestTask time.Duration
}

// Progress is how far a history has come.
type Progress struct {
	Ended int // jobs of the workload
	Since time.Duration
}

// Play plays a scenario as Run does. It is for long histories: the rules that need to look at
// the whole world are left out, and executions keep no histories. It ends early, with the
// context's error, once the context does; then Progress says how far it came.
func Play(ctx context.Context, s Scenario, seed uint64, progress func(Progress)) (Played, error) {
	w := newWorld(s, seed, nil, true)
	defer w.k.Close()
	defer w.explain(seed)
	came := w.play(func() bool {
		w.identities.Asked = nil // no one looks at them
		progress(Progress{Ended: w.GitHub.Ended(), Since: w.k.Since()})
		return ctx.Err() == nil
	})
	if !came {
		return Played{}, ctx.Err()
	}
	p := Played{Result: w.result(), Room: w.judge.room, From: kernel.Epoch, End: w.k.Now(), Limit: w.GitHub.Usage()[credentialName].Limit, LongestTask: w.longestTask()}
	for _, build := range w.CodeBuild.Builds() {
		if build.BegunAt.IsZero() {
			continue
		}
		end := build.EndedAt
		if end.IsZero() {
			end = w.k.Now()
		}
		p.BuildTimes = append(p.BuildTimes, end.Sub(build.BegunAt))
	}
	w.Table.Call = func(_ string, effect func() error) error { return effect() }
	records := source{w.Table, w.engine}
	_, err := report.History(context.WithoutCancel(ctx), records, report.RunQuery{}, report.MostRead, func(page []report.Lived) error {
		p.Lived = append(p.Lived, page...)
		return nil
	})
	if err != nil {
		return p, err
	}
	return p, report.WarmRunners(context.WithoutCancel(ctx), records, time.Time{}, report.MostRead, func(r fleet.Runner) { p.Warm = append(p.Warm, r) })
}
