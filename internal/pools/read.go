package pools

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Records are the records that pools are told from, as far as they were read for
// something else.
type Records struct {
	Policy   fleet.Policy
	Capacity fleet.Capacity
	Holds    []fleet.Hold
	GitHub   *fleet.GitHubUsage
}

// has reports whether there is a pool to tell of, without reading more.
func (p Records) has() bool {
	return p.Policy.WantsWarm() || len(p.Capacity.Warm) > 0
}

// Read tells of the fleet's pools at the prices of a region. It reads the open runners and
// runs, and nothing of a fleet without pools.
func Read(ctx context.Context, src report.Source, known Records, region string, now time.Time) ([]Pool, error) {
	if !known.has() {
		return nil, nil
	}
	runners, err := src.OpenRunners(ctx)
	if err != nil {
		return nil, err
	}
	open, err := src.RunsBelow(ctx, report.RunList{By: report.ByOpen}, report.Place{}, time.Time{}, report.MostListed)
	if err != nil {
		return nil, err
	}
	return Of(Facts{
		Policy: known.Policy, Capacity: known.Capacity, Runners: runners, Runs: open.Runs, Holds: known.Holds, GitHub: known.GitHub, Book: price.In(region), Now: now,
	}), nil
}

// ReadAll is Read for a caller that has read nothing yet.
func ReadAll(ctx context.Context, src report.Source, region string, now time.Time) ([]Pool, error) {
	settings, err := src.Settings(ctx)
	if err != nil {
		return nil, err
	}
	known := Records{Policy: report.PolicyOf(settings)}
	if known.Capacity, err = src.Capacity(ctx); err != nil || !known.has() {
		return nil, err
	}
	if known.Holds, err = src.HoldsBelow(ctx, "", report.MostListed); err != nil {
		return nil, err
	}
	text, err := src.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return nil, err
	}
	if usage := (fleet.GitHubUsage{}); json.Unmarshal([]byte(text), &usage) == nil {
		known.GitHub = &usage
	}
	return Read(ctx, src, known, region, now)
}
