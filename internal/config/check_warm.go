package config

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// checkWarm refuses pools of idle runners that could not be or must not be, as
// fleet.Policy.Pools says, and those that would never be full.
func (c *Config) checkWarm(r *review) {
	const key = "runner_class_sizes"
	var first string
	for _, name := range slices.Sorted(maps.Keys(c.RunnerClassSizes)) {
		warm := c.RunnerClassSizes[name].Warm
		if warm == nil {
			continue
		}
		at := joined(key, name) + ".warm"
		first = cmp.Or(first, at)
		if hours := at + ".idle_hours_per_day"; warm.IdleHoursPerDay == 0 && r.given(hours) {
			r.add(hours, "is 0; use 1 or more, or leave it out for no limit; for no idle runners leave warm out")
			return
		}
	}
	if first == "" || !r.readable(key) {
		return
	}
	pools, err := c.Policy().Pools()
	if refused, ok := errors.AsType[fleet.PoolErrors](err); ok {
		for _, one := range refused {
			r.add(joined(key, one.Class)+".warm", "%s", one.Err)
		}
		return
	}
	idle := 0
	for _, pool := range pools {
		idle += pool.Warm.Count
	}
	switch {
	case idle > c.MaxRunners:
		r.add(first, "the classes want %d idle runners at once in %s, and max_runners is %d; lower a count, name repositories below warm, or raise max_runners", idle, scopes(pools), c.MaxRunners)
	case c.MaxRunnersPerRepository > 0 && c.Policy().SharedPlace() == "" && most(pools) > c.MaxRunnersPerRepository:
		r.add(first, "a repository would have %d idle runners at once, and max_runners_per_repository is %d; lower a count, or raise it", most(pools), c.MaxRunnersPerRepository)
	}
}

// most is how many idle runners a place has.
func most(pools []fleet.Pool) (n int) {
	idle := map[string]int{}
	for _, p := range pools {
		idle[p.Place] += p.Warm.Count
		n = max(n, idle[p.Place])
	}
	return n
}

func scopes(pools []fleet.Pool) string {
	places := map[string]bool{}
	for _, p := range pools {
		places[p.Place] = true
	}
	if len(places) == 1 {
		return "their scope"
	}
	return "all repositories together"
}
