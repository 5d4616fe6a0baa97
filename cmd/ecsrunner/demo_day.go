package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// Between two pushes, and from a push until its deployment is approved.
const (
	leastPause   = 3 * time.Second
	mostPause    = 9 * time.Second
	leastThought = 15 * time.Second
	mostThought  = 45 * time.Second
)

// demoPush is what a push starts: a workflow with some jobs. One with a weight of two comes
// twice as often as one with a weight of one.
type demoPush struct {
	weight   int
	workflow string
	jobs     []demoTask
}

// demoTask is a job that takes its time, as jobs of people do.
type demoTask struct {
	name        string
	runsOn      string // labels, between spaces
	least, most int    // seconds
	does        string // in its log, once a second
	fails       int    // of a hundred
	environment string
}

var demoPushes = []demoPush{
	{4, "CI", []demoTask{
		{"lint", "self-hosted class:small", 6, 14, "checked package", 4, ""},
		{"unit (linux, 1/2)", "self-hosted class:medium", 18, 50, "ok   test", 8, ""},
		{"unit (linux, 2/2)", "self-hosted class:medium", 18, 50, "ok   test", 8, ""},
	}},
	{3, "Browser tests", []demoTask{
		{"e2e / chrome / shard 1 of 3", "self-hosted class:large image:node:22-bookworm", 25, 70, "passed scenario", 6, ""},
		{"e2e / chrome / shard 2 of 3", "self-hosted class:large image:node:22-bookworm", 25, 70, "passed scenario", 6, ""},
		{"e2e / chrome / shard 3 of 3", "self-hosted class:large image:node:22-bookworm", 25, 70, "passed scenario", 6, ""},
	}},
	{2, "Docs", []demoTask{{"build the site", "self-hosted class:small", 8, 20, "rendered page", 2, ""}}},
	{2, "Release", []demoTask{
		{"package", "self-hosted class:large image:golang:1.26", 15, 35, "linked", 3, ""},
		{"deploy to production", "self-hosted class:small", 10, 20, "updated service", 2, "production"},
	}},
	{1, "Nightly", []demoTask{{"train the ranking model", "self-hosted class:gpu-large", 60, 60, "", 0, ""}}},
	{1, "Nightly", []demoTask{{"refresh fixtures", "self-hosted class:medium image:python:3.13", 20, 40, "wrote record", 2, ""}}},
}

// aPush is one of the pushes.
func aPush() demoPush {
	all := 0
	for _, push := range demoPushes {
		all += push.weight
	}
	at := rand.IntN(all)
	for _, push := range demoPushes {
		if at -= push.weight; at < 0 {
			return push
		}
	}
	return demoPushes[0]
}

// spec is the job as GitHub has it.
func (d demoTask) spec(run int64, workflow string) sim.JobSpec {
	seconds, ends := d.least+rand.IntN(d.most-d.least+1), "echo done"
	if rand.IntN(100) < d.fails {
		ends = "echo 'expected 4, got 5' >&2; exit 1"
	}
	work := fmt.Sprintf("n=0; while [ $n -lt %d ]; do n=$((n + 1)); echo \"%s $n of %d\"; sleep 1; done", seconds, d.does, seconds)
	return sim.JobSpec{
		RunID: run, Workflow: workflow, Name: d.name, Labels: strings.Fields(d.runsOn), Environment: d.environment,
		Steps: []sim.StepSpec{demoStep("Look around", "uname -sm"), demoStep(d.name, work), demoStep("Sum up", ends)},
	}
}

func demoStep(name, run string) sim.StepSpec { return sim.StepSpec{Name: name, Run: run} }

// approval is when a deployment that waits is approved.
type approval struct {
	at time.Time
	id int64
}

// workday lets jobs arrive as people push, until there were most of them or ctx ends. It
// returns how many it queued.
func workday(ctx context.Context, gh *sim.Server, most int) (queued int, err error) {
	var waiting []approval
	for next := time.Now(); queued < most || len(waiting) > 0; {
		wake := next
		for _, a := range waiting {
			if queued >= most || a.at.Before(wake) {
				wake = a.at
			}
		}
		select {
		case <-ctx.Done():
			return queued, nil
		case <-time.After(time.Until(wake)):
		}
		now, still := time.Now(), waiting[:0]
		for _, a := range waiting {
			if a.at.After(now) {
				still = append(still, a)
			} else if err := gh.Approve(a.id); err != nil {
				return queued, err
			}
		}
		if waiting = still; next.After(now) || queued >= most {
			continue
		}
		push, run := aPush(), gh.NewRun()
		if queued == 0 {
			push = demoPushes[0] // whose jobs run
		}
		for _, task := range push.jobs {
			if queued == most {
				break
			}
			id := gh.Queue(task.spec(run, push.workflow))
			if queued++; task.environment != "" {
				waiting = append(waiting, approval{now.Add(leastThought + rand.N(mostThought-leastThought)), id})
			}
		}
		next = now.Add(leastPause + rand.N(mostPause-leastPause))
	}
	return queued, nil
}
