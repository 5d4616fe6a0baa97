package config

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Bounds that others set.
const (
	longestJob   = 5 * 24 * time.Hour // GitHub ends a self-hosted job then
	longestBuild = 36 * time.Hour     // CodeBuild's longest timeout
)

// checkLimits wants each silence (a state's HeartbeatSeconds) shorter than the
// time it is part of (its TimeoutSeconds): Step Functions refuses anything else,
// and both count whole seconds.
func (c *Config) checkLimits(r *review) {
	l := c.Limits
	queue := fleet.DefaultLimits().Queue
	for _, limit := range []struct {
		key     string
		value   time.Duration
		longest time.Duration
		why     string
	}{
		{"limits.start", l.Start, queue, "GitHub gives a queued job up then"},
		{"limits.idle", l.Idle, queue, "GitHub gives a queued job up then"},
		{"limits.inspect", l.Inspect, longestJob, "GitHub ends a job then"},
		{"limits.max_runtime", l.MaxRuntime, longestJob, "GitHub ends a job then"},
		{"limits.after_job", l.AfterJob, longestJob, "GitHub ends a job then"},
		{"limits.build", l.Build, longestBuild, "CodeBuild ends a build then"},
		{"limits.on_demand_build", l.OnDemandBuild, longestBuild, "CodeBuild ends a build then"},
		{"limits.build_lease", l.BuildLease, longestBuild, "CodeBuild ends a build then"},
	} {
		switch {
		case limit.value < time.Second:
			r.add(limit.key, "is %s; use at least 1s", limit.value)
		case limit.value%time.Second != 0:
			r.add(limit.key, "is %s; use whole seconds, since Step Functions counts nothing smaller", limit.value)
		case limit.value > limit.longest:
			r.add(limit.key, "is %s; use at most %s (%s)", limit.value, limit.longest, limit.why)
		}
	}
	for _, pair := range []struct {
		short, long           string
		shortValue, longValue time.Duration
	}{
		{"limits.idle", "limits.start", l.Idle, l.Start},
		{"limits.inspect", "limits.max_runtime", l.Inspect, l.MaxRuntime},
		{"limits.build_lease", "limits.build", l.BuildLease, l.Build},
	} {
		if !r.readable(pair.short, pair.long) || pair.shortValue < pair.longValue {
			continue
		}
		key := pair.short
		if !r.given(key) {
			key = pair.long
		}
		r.add(key, "%s (%s) must be shorter than %s (%s)", pair.short, pair.shortValue, pair.long, pair.longValue)
	}
}
