package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestPauseKeepsTheFirstTimeAndTheNewReason(t *testing.T) {
	later := now.Add(time.Hour)
	once := fleet.Capacity{Open: 3, Version: 9}.Pause(pause("a reason", now))
	equal(t, once, fleet.Capacity{Open: 3, Version: 9, Paused: "a reason", PausedBy: "ada", PausedAt: now})
	twice := once.Pause(pause("another", later))
	equal(t, twice, fleet.Capacity{Open: 3, Version: 9, Paused: "another", PausedBy: "ada", PausedAt: now})
	equal(t, twice.Resume(), fleet.Capacity{Open: 3, Version: 9})
	equal(t, twice.Resume().Pause(pause("again", later)).PausedAt, later)
}

func TestLaunchWhilePaused(t *testing.T) {
	const reason = "the fleet is paused: an upgrade"
	paused := fleet.Capacity{}.Pause(pause("an upgrade", now))
	run := fleet.NewRun(jobOf(7), now)
	waits := run
	waits.WaitsForRoom, waits.Reason, waits.WaitsSince = true, reason, now

	equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: run, Capacity: paused, Now: now}), fleet.LaunchResult{Reason: reason, Changes: fleet.Changes{Runs: []fleet.Run{waits}}})
	equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: waits, Capacity: paused, Now: now}), fleet.LaunchResult{Reason: reason})
	equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: waits, Capacity: paused.Resume(), Now: now}).RunnerID, "fleet-7-1")

	has := run
	has.RunnerID = "fleet-7-1"
	equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: has, Capacity: paused, Now: now}), fleet.LaunchResult{RunnerID: "fleet-7-1"})
	full := paused
	full.Open = 2
	equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: run, Capacity: full, Now: now}).Reason, reason)
}

func TestARunShowsThePause(t *testing.T) {
	paused := fleet.Capacity{}.Pause(pause("an upgrade", now))
	waits := func(reason string) fleet.Run {
		r := fleet.NewRun(jobOf(7), now)
		r.WaitsForRoom, r.Reason = true, reason
		return r
	}
	with := func(r fleet.Run, change func(*fleet.Run)) fleet.Run {
		change(&r)
		return r
	}
	const full, held, turn = "waits for room: max_runners is 2", "the fleet is paused: an upgrade", "waits for its turn: the fleet was paused"
	for name, tc := range map[string]struct {
		run      fleet.Run
		capacity fleet.Capacity
		reason   string // "" for the one it has
	}{
		"waits for room":                      {waits(full), paused, held},
		"waits because of a pause":            {waits(held), paused, ""},
		"waits because of another pause":      {waits("the fleet is paused: x"), paused, held},
		"waited for the end of the pause":     {waits(held), fleet.Capacity{}, turn},
		"waits for room of a fleet that runs": {waits(full), fleet.Capacity{}, ""},
		"does not wait for room":              {with(waits("x"), func(r *fleet.Run) { r.WaitsForRoom = false }), paused, ""},
		"has a runner":                        {with(waits("x"), func(r *fleet.Run) { r.RunnerID = "fleet-7-1" }), paused, ""},
		"is over":                             {with(waits("x"), func(r *fleet.Run) { r.Status = fleet.RunCancelled }), paused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed := tc.run.TellPause(tc.capacity)
			want := tc.run
			if tc.reason != "" {
				want.Reason = tc.reason
			}
			equal(t, got, want)
			equal(t, changed, tc.reason != "")
		})
	}
}

func pause(reason string, at time.Time) fleet.Action {
	return fleet.Operator{By: "ada", Reason: reason}.Act(fleet.CommandPause, "p", at)
}

func TestAPauseKeepsItsReason(t *testing.T) {
	first := fleet.Capacity{}.Pause(pause("moving house", now))
	later := fleet.Operator{By: "bob"}
	equal(t, first.Pause(later.Act(fleet.CommandPause, "q", now.Add(time.Hour))), first)
	equal(t, fleet.Capacity{}.Pause(later.Act(fleet.CommandPause, "q", now)), fleet.Capacity{Paused: "paused by an operator", PausedBy: "bob", PausedAt: now})
	drains := fleet.Operator{By: "bob", Reason: "another account"}.Act(fleet.CommandDrain, "q", now.Add(time.Hour))
	equal(t, first.Pause(drains), fleet.Capacity{Paused: "drained: another account", PausedBy: "bob", PausedAt: now})
	drains.Reason = ""
	equal(t, first.Pause(drains).Paused, "drained")
}
