// Package forecast says what a workload would have met on a fleet: how long its jobs would
// have waited and for what, what would have gone wrong, and what it would have cost.
//
// It measures nothing. The jobs are played in the simulated world of package simulation, with
// the fleet's own code in virtual time, and what the world assumes is part of every answer.
// The numbers are those of packages stages, stats and cost, as `ecsrunner stats` has them of
// jobs that ran.
package forecast

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

// Plan is what to play.
type Plan struct {
	Config   config.Config
	Workload workload.Workload
	Faults   []kernel.Fault
	Seed     uint64
}

// firstJob is when the first job is queued, once the fleet has had its first sweeps.
const firstJob = 3 * time.Minute

// Played is a plan that was played.
type Played struct {
	Plan Plan
	// NotServed are the jobs of repositories that the fleet does not serve, and NotOurs those
	// whose labels are not the fleet's.
	NotServed, NotOurs int
	simulation.Played
}

// Play plays the plan. It ends early, with the context's error, once the context does.
func (p Plan) Play(ctx context.Context, progress func(simulation.Progress)) (Played, error) {
	s, notServed := p.scenario()
	if len(s.Jobs) == 0 {
		return Played{}, fmt.Errorf("the fleet serves %s, and no job of the workload is of them: it has those of %s", served(p.Config), strings.Join(first(p.Workload.Repositories(), 5), ", "))
	}
	hosted := 0
	for _, j := range s.Jobs {
		if j.Hosted {
			hosted++
		}
	}
	if required := p.Config.RequiredLabel; hosted == len(s.Jobs) && required != "" {
		return Played{}, fmt.Errorf("no job of the workload has the label %s, which required_label wants of each: the first has %q; write it among their labels", required, strings.Join(s.Jobs[0].Labels, workload.Separator))
	}
	if hosted == len(s.Jobs) {
		return Played{}, fmt.Errorf("no job of the workload has labels of the fleet: the first has %q; write what their runs-on is to be, such as self-hosted", strings.Join(s.Jobs[0].Labels, workload.Separator))
	}
	played, err := simulation.Play(ctx, s, p.Seed, progress)
	return Played{Plan: p, NotServed: notServed, NotOurs: hosted, Played: played}, err
}

// scenario is the plan as the simulated world takes it. notServed are the jobs of repositories
// that the fleet does not serve: it never hears of them.
func (p Plan) scenario() (s simulation.Scenario, notServed int) {
	policy := p.withPools(simulated(p.Config.Policy()))
	s = simulation.Scenario{Name: p.Workload.Name, Policy: &policy, Faults: p.shifted()}
	s.Fleet.MaxRunners, s.Fleet.Rules, s.Fleet.BuildsAtOnce = policy.MaxRunners, policy.Rules, p.Config.OnDemandBuildsAtOnce
	s.Fleet.Organization, s.Fleet.GitHubApp = policy.Organization, policy.GitHubApp
	s.Fleet.Repositories = slices.Clone(policy.Repositories)
	for _, j := range p.Workload.Jobs {
		if !policy.AllowsRepository(j.Repository) {
			notServed++
			continue
		}
		if i := slices.IndexFunc(s.Fleet.Repositories, func(name string) bool { return strings.EqualFold(name, j.Repository) }); i >= 0 {
			j.Repository = s.Fleet.Repositories[i]
		} else {
			s.Fleet.Repositories = append(s.Fleet.Repositories, j.Repository)
		}
		s.Jobs = append(s.Jobs, job(j, policy))
	}
	return s, notServed
}

func job(j workload.Job, policy fleet.Policy) simulation.Job {
	at := firstJob + j.Queued
	one := simulation.Job{
		At: kernel.Duration{Duration: at}, Repository: j.Repository, Labels: j.Labels, Takes: kernel.Duration{Duration: j.Takes}, Run: j.Run,
		// What is not the fleet's is someone else's: GitHub's own runners take it.
		Hosted: policy.Admit(fleet.Job{Repository: j.Repository, Private: true, Labels: j.Labels, Status: fleet.JobQueued}).Verdict == fleet.Ignored,
	}
	if j.Takes == 0 {
		one.CancelledAt = kernel.Duration{Duration: at + j.Cancelled}
		one.Takes = kernel.Duration{Duration: j.Cancelled + time.Minute}
	}
	return one
}

// simulated is the policy as far as the simulated GitHub can follow it: see Assumptions.
func simulated(p fleet.Policy) fleet.Policy {
	p.Enterprise, p.RunnerGroup = "", ""
	p.GitHubApp = p.GitHubApp && p.Organization != ""
	p.Classes = maps.Clone(p.Classes)
	return p
}

// shifted counts the times of faults from the first job.
func (p Plan) shifted() []kernel.Fault {
	faults := slices.Clone(p.Faults)
	for i := range faults {
		if faults[i].From.Duration != 0 {
			faults[i].From.Duration += firstJob
		}
		if faults[i].Until.Duration != 0 {
			faults[i].Until.Duration += firstJob
		}
	}
	return faults
}

func served(c config.Config) string {
	if len(c.Repositories) == 0 {
		return "the repositories of " + cmp.Or(c.Organization, c.Enterprise)
	}
	return strings.Join(first(c.Repositories, 5), ", ")
}

func first(names []string, most int) []string {
	if len(names) > most {
		return append(slices.Clone(names[:most]), fmt.Sprintf("%d more", len(names)-most))
	}
	return names
}

// book has the prices of the fleet's region.
func (p Plan) book() price.Book { return price.In(p.Config.AWSRegion) }

// Choice is what made jobs ask for on a fleet: most of them the default class, and some each
// other one.
func Choice(c config.Config) workload.Choice {
	var choice workload.Choice
	choice.Repositories = c.Repositories[:min(len(c.Repositories), mostRepositories)]
	if len(choice.Repositories) == 0 {
		for _, name := range []string{"app", "lib", "site"} {
			choice.Repositories = append(choice.Repositories, cmp.Or(c.Organization, c.Enterprise)+"/"+name)
		}
	}
	usual := []string{"self-hosted"}
	if c.RequiredLabel != "" && c.RequiredLabel != "self-hosted" {
		usual = append(usual, c.RequiredLabel)
	}
	if c.DefaultClass != "" {
		choice.Labels = append(choice.Labels, usual)
	}
	for _, class := range slices.Sorted(maps.Keys(c.RunnerClassSizes)) {
		if class != c.DefaultClass {
			choice.Labels = append(choice.Labels, append(slices.Clone(usual), "class:"+class))
		}
	}
	return choice
}

// mostRepositories are those of a made workload.
const mostRepositories = 10
