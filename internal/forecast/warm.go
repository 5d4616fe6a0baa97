package forecast

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

// Warm is what warm runners did.
type Warm struct {
	Jobs     int                `json:"jobs"`      // that ran on them
	Wait     *stats.Percentiles `json:"wait"`      // of these jobs, null if there are none
	Cold     *stats.Percentiles `json:"wait_cold"` // of the other ones
	Launched int                `json:"launched"`
	Lost     int                `json:"lost"`  // GitHub deleted them while they idled, or their machine was taken back
	Ended    int                `json:"ended"` // by the fleet, without a job
	Failed   int                `json:"failed"`
	// Idle is what they cost before they had a job, or without one, and IdleSeconds that time.
	// Both are a part of the cost and of the tasks.
	Idle        price.Amount `json:"idle_usd"`
	IdleSeconds int64        `json:"idle_seconds"`
}

// warmOf is nil if no warm runner was launched.
func warmOf(s stats.Stats, spent cost.Line) *Warm {
	if len(s.Pools) == 0 {
		return nil
	}
	w := Warm{Wait: s.All.Warm, Cold: s.All.Cold, Idle: spent.Idle, IdleSeconds: spent.IdleSeconds}
	if w.Wait == nil {
		w.Cold = s.All.Queue
	} else {
		w.Jobs = w.Wait.Count
	}
	for _, p := range s.Pools {
		w.Launched, w.Lost, w.Ended, w.Failed = w.Launched+p.Launched, w.Lost+p.Lost, w.Ended+p.Ended, w.Failed+p.Failed
	}
	return &w
}

// String says it in a line, "" of nil.
func (w *Warm) String() string {
	if w == nil {
		return ""
	}
	says := jobs(w.Jobs) + " ran on them"
	for _, one := range []struct {
		of   *stats.Percentiles
		says string
	}{{w.Wait, ""}, {w.Cold, "; the others"}} {
		if one.of != nil {
			says += fmt.Sprintf("%s waited %s (p50), %s (p95)", cmp.Or(one.says, " and"), readable.Took(&one.of.P50), readable.Took(&one.of.P95))
		}
	}
	return fmt.Sprintf("%s; %d launched, %d lost while they idled; they idled %s for %s of the cost", says, w.Launched, w.Lost, billed(w.IdleSeconds), w.Idle)
}

// row has the cells of a varied key.
func (w *Warm) row() []any {
	if w == nil {
		return []any{0, 0, price.Amount(0)}
	}
	return []any{w.Jobs, w.Lost, w.Idle}
}

// withPools is the policy with pools that want their runners until the last job is queued, or
// the simulation would not end: within their schedules, if the jobs had a date.
func (p Plan) withPools(policy fleet.Policy) fleet.Policy {
	for name, class := range policy.Classes {
		if class.Warm == nil {
			continue
		}
		warm := *class.Warm
		warm.Within = p.wanted(warm.Schedule)
		class.Warm = &warm
		policy.Classes[name] = class
	}
	return policy
}

// wanted are the times of a schedule, by the clock of the simulation.
func (p Plan) wanted(text string) []fleet.Span {
	end := firstJob + p.Workload.Lasts() + time.Minute
	at := func(since time.Duration) time.Time { return kernel.Epoch.Add(since) }
	schedule, err := fleet.ParseSchedule(text)
	if err != nil || text == "" || p.Workload.Start.IsZero() {
		return []fleet.Span{{From: at(0), Until: at(end)}}
	}
	spans, open := []fleet.Span{}, false
	for since := time.Duration(0); since < end; since += time.Minute {
		switch wants := schedule.Wants(p.Workload.Start.Add(since - firstJob)); {
		case wants && !open:
			spans, open = append(spans, fleet.Span{From: at(since), Until: at(end)}), true
		case !wants && open:
			spans[len(spans)-1].Until, open = at(since), false
		}
	}
	return spans
}

// aboutPools says what is assumed of them, nothing without any.
func (p Plan) aboutPools() []string {
	var schedules, limits bool
	pools := false
	for _, class := range p.Config.RunnerClassSizes {
		if w := class.Warm; w != nil {
			pools, schedules, limits = true, schedules || w.Schedule != "", limits || w.IdleHoursPerDay > 0
		}
	}
	if !pools {
		return nil
	}
	says := "Pools want their warm runners from before the first job until the last one is queued"
	switch {
	case schedules && p.Workload.Start.IsZero():
		says += ", whatever their schedules: made jobs have no date"
	case schedules:
		says += ", within their schedules"
	}
	says += ". GitHub leaves them alone, unless --faults has github.idle_deleted: since September 2026 it deletes registrations that idle for some minutes (actions/runner#4726)."
	if limits {
		midnight := kernel.Epoch.Truncate(24*time.Hour).Add(24*time.Hour).Sub(kernel.Epoch) - firstJob
		says += fmt.Sprintf(" The days of idle_hours_per_day begin %s after the first job.", Lasts(midnight))
	}
	return []string{says}
}

// warmKey varies how many runners of a class idle: warm of all classes that keep some, or of
// the default class if none does, and warm.CLASS of that class.
const warmKey = "warm"

// OfWarm reports whether it varies how many runners idle.
func (v Vary) OfWarm() bool { return v.Key == warmKey || strings.HasPrefix(v.Key, warmKey+".") }

// Warm is a configuration with so many idle runners.
func (v Vary) Warm(value string, base config.Config) (config.Config, error) {
	n, err := number(v.Key, value)
	if err != nil {
		return base, err
	}
	sizes := maps.Clone(base.RunnerClassSizes)
	var names []string
	if _, class, one := strings.Cut(v.Key, "."); one {
		names = []string{class}
	} else {
		for name, class := range sizes {
			if class.Warm != nil {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			names = []string{base.DefaultClass}
		}
	}
	for _, name := range names {
		class, known := sizes[name]
		if !known {
			return base, fmt.Errorf("--vary %s: name one of the classes, as in %s.%s=0,1,2; there are %s", v.Key, warmKey, slices.Min(slices.Collect(maps.Keys(sizes))), strings.Join(slices.Sorted(maps.Keys(sizes)), ", "))
		}
		warm := fleet.Warm{}
		if class.Warm != nil {
			warm = *class.Warm
		}
		warm.Count, class.Warm = int(n), nil
		if n > 0 {
			class.Warm = &warm
		}
		sizes[name] = class
	}
	base.RunnerClassSizes = sizes
	base.EnforcePolicy = base.EnforcePolicy || n > 0 // pools need it, and it changes nothing here
	if _, err = base.Policy().Pools(); err != nil {
		err = fmt.Errorf("--vary %s: %w", v.Key, err)
	}
	return base, err
}
