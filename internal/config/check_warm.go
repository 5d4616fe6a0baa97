package config

import (
	"maps"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// checkWarm refuses pools of idle runners that could not be, or that would take jobs which
// are not to run on them: GitHub gives an idle runner every job with its labels, whatever
// policy says of it.
func (c *Config) checkWarm(r *review) {
	const key = "runner_class_sizes"
	var first string
	for _, name := range slices.Sorted(maps.Keys(c.RunnerClassSizes)) {
		warm := c.RunnerClassSizes[name].Warm
		if warm == nil {
			continue
		}
		at := joined(key, name) + ".warm"
		if first == "" {
			first = at
		}
		if hours := at + ".idle_hours_per_day"; warm.IdleHoursPerDay == 0 && r.given(hours) {
			r.add(hours, "is 0; use 1 or more, or leave it out for no limit; for no idle runners leave warm out")
			return
		}
		if err := warm.Check(); err != nil {
			r.add(at, "%s", err)
			return
		}
	}
	if first == "" || !r.readable(key) {
		return
	}
	pools, err := c.Policy().Pools()
	if err != nil {
		r.add(key, "%s", err)
		return
	}
	idle := 0
	for _, pool := range pools {
		idle += pool.Warm.Count
	}
	switch {
	case idle > c.MaxRunners:
		r.add(first, "the classes want %d idle runners at once in %s, and max_runners is %d; lower a count, name repositories below warm, or raise max_runners", idle, scopes(pools), c.MaxRunners)
	case c.AllowPublicRepositories:
		r.add(first, "idle runners do not go with allow_public_repositories: GitHub would give them the jobs of pull requests from forks; serve public repositories with a fleet of their own")
	case c.Policy().SharedPlace() != "" && c.RunnerGroup == "":
		r.add(first, "idle runners of an organization or enterprise need a runner_group: GitHub gives them jobs of every repository that may use their group")
	case c.RequiredLabel != "":
		r.add(first, "idle runners do not go with required_label: GitHub would give them jobs that ask only for self-hosted, and their hook would end those")
	case !c.EnforcePolicy:
		r.add(first, "idle runners need enforce_policy: true: GitHub gives an idle runner refused jobs too, those of forks among them if its repository becomes public, and only its hook ends them")
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
