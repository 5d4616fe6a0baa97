package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// OrganizationHistory is the history of a seed in a fleet whose runners are an organization's.
func OrganizationHistory(seed uint64) Scenario { return inOrganization(History(seed), seed) }

// inOrganization moves all repositories of a history into one organization.
func inOrganization(s Scenario, seed uint64) Scenario {
	d := &dice{seed: seed ^ 0x6f7267}
	s.Name += " in an organization"
	moved := func(repository string) string { return strings.Replace(repository, "acme/", "octo/", 1) }
	s.Fleet.Organization, s.Fleet.GitHubApp = "octo", d.chance(0.5)
	s.Fleet.Repositories = slices.Clone(s.Fleet.Repositories)
	for i, repository := range s.Fleet.Repositories {
		s.Fleet.Repositories[i] = moved(repository)
	}
	for i := range s.Jobs {
		s.Jobs[i].Repository = moved(s.Jobs[i].Repository)
	}
	for i := range s.Events {
		s.Events[i].Of, s.Events[i].With = moved(s.Events[i].Of), moved(s.Events[i].With)
	}
	if len(s.Fleet.Warm) > 0 || d.chance(0.5) {
		s.Fleet.RunnerGroup = "fleet"
	}
	if s.Fleet.RunnerGroup != "" && d.chance(0.3) {
		does := pickOf(d, [][2]string{{"open_group", "close_group"}, {"delete_group", "make_group"}})
		from := d.minutes(0, 20)
		until := kernel.Duration{Duration: from.Duration + time.Duration(d.between(1, longestTrouble))*time.Minute}
		s.Events = append(s.Events, Event{At: from, Does: does[0]}, Event{At: until, Does: does[1]})
	}
	return s
}
