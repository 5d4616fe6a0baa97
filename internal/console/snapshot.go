package console

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// snapshot is what the page of the fleet is made from.
type snapshot struct {
	now      time.Time
	settings report.Settings
	policy   fleet.Policy
	capacity fleet.Capacity
	holds    []fleet.Hold
	usage    *fleet.GitHubUsage
	waiting  []fleet.Run // and those under way: all that are open, report.MostListed at most
	open     []fleet.Runner
	vcpus    []report.VCPUs
	noVCPUs  string // why the account's limits are not known
	latest   []fleet.Run
	recent
}

// recent are the records that charts are made from: many, and slow to change.
type recent struct {
	at      time.Time
	runs    []fleet.Run    // the newest report.MostListed
	runners []fleet.Runner // the same
}

const (
	// latestShown is how many runs the page of the fleet lists.
	latestShown = 8
	// recentFor is how old charts may be, and recentElsewhere where each read costs.
	recentFor       = 15 * time.Second
	recentElsewhere = time.Minute
)

func (c *Console) snapshot(ctx context.Context) (s snapshot, err error) {
	s.now = c.Now()
	if s.settings, err = c.Records.Settings(ctx); err != nil {
		return s, err
	}
	s.policy = report.PolicyOf(s.settings)
	if s.capacity, err = c.Records.Capacity(ctx); err != nil {
		return s, err
	}
	if s.holds, err = c.Records.HoldsBelow(ctx, "", report.MostListed); err != nil {
		return s, err
	}
	text, err := c.Records.Cursor(ctx, fleet.GitHubUsageCursor)
	if err != nil {
		return s, err
	}
	if usage := (fleet.GitHubUsage{}); json.Unmarshal([]byte(text), &usage) == nil {
		s.usage = &usage
	}
	open, err := c.Records.RunsBelow(ctx, report.RunList{By: report.ByOpen}, report.Place{}, time.Time{}, report.MostListed)
	if err != nil {
		return s, err
	}
	s.waiting = open.Runs
	if s.latest, err = c.Records.Runs(ctx, latestShown); err != nil {
		return s, err
	}
	if s.recent, err = c.readRecent(ctx, s.now); err != nil {
		return s, err
	}
	s.open, err = c.Records.OpenRunners(ctx)
	return s, err
}

// account reads the limits of the AWS account. The page does without them.
func (c *Console) account(ctx context.Context, s *snapshot) {
	if c.Allowed == nil {
		return
	}
	allowed, err := c.Allowed(ctx)
	if err != nil {
		s.noVCPUs = err.Error()
		return
	}
	s.vcpus = report.VCPUsOf(s.open, s.settings.ClassSizes, allowed)
}

// readRecent reads the recent records, unless they were read a moment ago.
func (c *Console) readRecent(ctx context.Context, now time.Time) (r recent, err error) {
	c.mu.Lock()
	r = c.recent
	c.mu.Unlock()
	keep := recentElsewhere
	if _, cheap := c.Records.(versioned); cheap {
		keep = recentFor
	}
	if !r.at.IsZero() && now.Sub(r.at) < keep {
		return r, nil
	}
	r.at = now
	if r.runs, err = c.Records.Runs(ctx, report.MostListed); err != nil {
		return r, err
	}
	if r.runners, err = c.Records.Runners(ctx, report.MostListed); err != nil {
		return r, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent = r
	return r, nil
}
