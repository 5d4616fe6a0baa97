package main

import (
	"fmt"
	"io"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// printPools shows how the pools of warm runners are, and why one is not full; it prints
// nothing if there are none.
func printPools(w io.Writer, screen readable.Screen, all []pools.Pool) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	list := readable.NewPage(w, screen, []readable.Column{
		{Name: "POOL", Least: 12}, {Name: "WANTED"}, {Name: "IDLE"}, {Name: "STARTING", Drop: 3}, {Name: "EXPECTED", Drop: 4}, {Name: "WITH A JOB", Drop: 5},
		{Name: "TAKEN TODAY", Drop: 6}, {Name: "LOST", Drop: 2}, {Name: "IDLED", Drop: 1}, {Name: "COST", Drop: 1},
	}...)
	for _, p := range all {
		list.Row(p.Pool, p.Wanted, p.Idle, p.Starting, p.Expected, p.Running, p.Today.Taken, p.Today.Lost, p.Today.Idled(), p.Today.IdleCost)
	}
	if err := list.Flush(); err != nil {
		return err
	}
	for _, p := range all {
		if p.Full() {
			continue
		}
		says := p.Pool + " is not full: " + p.Reason
		if !p.NextLaunch.IsZero() {
			says += "; the next runner comes from " + day(p.NextLaunch) + " on"
		}
		fmt.Fprintln(w, readable.Plain(says))
	}
	return nil
}

// warmOf is what a class wants to idle in each scope, "" for nothing.
func warmOf(w *fleet.Warm) string {
	if w == nil {
		return ""
	}
	text := fmt.Sprintf("%d idle", w.Count)
	for _, part := range []string{w.Schedule, w.Image} {
		if part != "" {
			text += ", " + part
		}
	}
	if w.IdleHoursPerDay > 0 {
		text += fmt.Sprintf(", %d h a day at most", w.IdleHoursPerDay)
	}
	return text
}
