package report

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// PoolRecords are the records that pools are told from, as far as they were read for
// something else.
type PoolRecords struct {
	Policy   fleet.Policy
	Capacity fleet.Capacity
	Holds    []fleet.Hold
	GitHub   *fleet.GitHubUsage
}

// HasPools reports whether there is a pool to tell of, without reading more.
func (p PoolRecords) HasPools() bool {
	configured, _ := p.Policy.Pools()
	return len(configured) > 0 || len(p.Capacity.Warm) > 0
}

// Pools tells of the fleet's pools of warm runners at the prices of a region. It reads the
// open runners and runs, and nothing of a fleet without pools.
func Pools(ctx context.Context, src Source, known PoolRecords, region string, now time.Time) ([]pools.Pool, error) {
	if !known.HasPools() {
		return nil, nil
	}
	runners, err := src.OpenRunners(ctx)
	if err != nil {
		return nil, err
	}
	open, err := src.RunsBelow(ctx, RunList{By: ByOpen}, Place{}, time.Time{}, MostListed)
	if err != nil {
		return nil, err
	}
	return pools.Of(pools.Facts{
		Policy: known.Policy, Capacity: known.Capacity, Runners: runners, Runs: open.Runs, Holds: known.Holds, GitHub: known.GitHub, Book: price.In(region), Now: now,
	}), nil
}

// ReadPools reads all that pools are told from.
func ReadPools(ctx context.Context, src Source, region string, now time.Time) ([]pools.Pool, error) {
	settings, err := src.Settings(ctx)
	if err != nil {
		return nil, err
	}
	known := PoolRecords{Policy: PolicyOf(settings)}
	if known.Capacity, err = src.Capacity(ctx); err != nil || !known.HasPools() {
		return nil, err
	}
	if known.Holds, err = src.HoldsBelow(ctx, "", MostListed); err != nil {
		return nil, err
	}
	text, err := src.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return nil, err
	}
	if usage := (fleet.GitHubUsage{}); json.Unmarshal([]byte(text), &usage) == nil {
		known.GitHub = &usage
	}
	return Pools(ctx, src, known, region, now)
}

// WarmRunners reads the warm runners that were launched since a time, the newest first, with
// jobs and without, and looks at most at so many runners. It reads nothing of a fleet that
// never had a pool.
func WarmRunners(ctx context.Context, src Source, since time.Time, most int, look func(fleet.Runner)) error {
	capacity, err := src.Capacity(ctx)
	if err != nil || capacity.WarmMade == 0 {
		return err
	}
	q := RunnerQuery{Since: since}
	for looked := 0; looked < most; {
		q.Limit = min(MostListed, most-looked)
		found, err := SearchRunners(ctx, src, q)
		if err != nil {
			return err
		}
		for _, r := range found.Runners {
			if r.IsWarm() {
				look(r)
			}
		}
		looked += found.Looked
		if q.After = found.Next; q.After == "" {
			return nil
		}
	}
	return nil
}

// PolicyOf is what the fleet decides by. The settings of an earlier release have none.
func PolicyOf(s Settings) fleet.Policy {
	p := fleet.Policy{Limits: fleet.DefaultLimits(), AllowPublic: true}
	if s.Policy != nil {
		p = *s.Policy
	}
	p.FleetName, p.Repositories, p.MaxRunners, p.Classes = s.FleetName, s.Repositories, s.MaxRunners, s.ClassSizes
	p.DefaultClass = cmp.Or(p.DefaultClass, s.DefaultClass)
	return p
}
