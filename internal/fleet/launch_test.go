package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestLaunch(t *testing.T) {
	run := fleet.NewRun(jobOf(7, "Linux"), now)
	run.Launched, run.LastRunner, run.WaitsForRoom, run.WaitsForShare, run.Reason, run.Version = 1, "fleet-7-1", true, true, "waits for room", 4
	later := now.Add(time.Minute)

	got := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: run, Capacity: fleet.Capacity{Open: 1, Version: 9}, Now: later})

	want := run
	want.Status, want.RunnerID, want.LastRunner, want.Launched = fleet.RunStarting, "fleet-7-2", "fleet-7-2", 2
	want.WaitsForRoom, want.WaitsForShare, want.Reason, want.LaunchedAt = false, false, "", later
	equal(t, got, fleet.LaunchResult{
		RunnerID: "fleet-7-2",
		Changes: fleet.Changes{
			Runs: []fleet.Run{want.Mark(fleet.StageLaunched, later)},
			Runners: []fleet.Runner{{
				Schema: fleet.Schema, RunnerID: "fleet-7-2", RunID: "job-7", For: "job-7", Status: fleet.RunnerStarting, Phase: fleet.Open,
				Repository: "octo/repo", Labels: []string{"self-hosted", "linux"}, Times: fleet.Times{fleet.StageLaunched: later},
			}},
			Capacity: &fleet.Capacity{Open: 2, OpenOf: map[string]int{"octo/repo": 1}, Pace: fleet.Pace{Slot: later.Unix() / 10, Counts: []int{1, 0, 0, 0, 0, 0}}, Version: 9},
		},
	})
}

func TestNoLaunch(t *testing.T) {
	run := func(change func(*fleet.Run)) fleet.Run {
		r := fleet.NewRun(jobOf(7), now)
		change(&r)
		return r
	}
	for name, tc := range map[string]struct {
		run  fleet.Run
		want fleet.LaunchResult
	}{
		"for a run that is over":   {run(func(r *fleet.Run) { r.Status = fleet.RunCancelled }), fleet.LaunchResult{Reason: "the run needs no runner"}},
		"for a run that waits":     {run(func(r *fleet.Run) { r.Status = fleet.RunWaiting }), fleet.LaunchResult{Reason: "the run needs no runner"}},
		"for a run whose job runs": {run(func(r *fleet.Run) { r.RanOn = "fleet-9-1" }), fleet.LaunchResult{Reason: "the run needs no runner"}},
		"for a run with a runner":  {run(func(r *fleet.Run) { r.RunnerID = "fleet-7-1" }), fleet.LaunchResult{RunnerID: "fleet-7-1"}},
		"before the next try": {run(func(r *fleet.Run) {
			r.Setback, r.Reason = &fleet.Setback{NextTry: now.Add(time.Second)}, "why"
		}), fleet.LaunchResult{Reason: "why"}},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 10, Run: tc.run, Capacity: fleet.Capacity{}, Now: now}), tc.want)
		})
	}
}

func TestLaunchWithoutRoom(t *testing.T) {
	const reason = "waits for room: max_runners is 2"
	full := fleet.Capacity{Open: 2}
	run := fleet.NewRun(jobOf(7), now)

	first := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: run, Capacity: full, Now: now})
	waits := run
	waits.WaitsForRoom, waits.Reason, waits.WaitsSince = true, reason, now
	equal(t, first, fleet.LaunchResult{Reason: reason, Changes: fleet.Changes{Runs: []fleet.Run{waits}}})

	again := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: waits, Capacity: full, Now: now})
	equal(t, again, fleet.LaunchResult{Reason: reason})

	smaller := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 1, Run: waits, Capacity: full, Now: now})
	equal(t, smaller.Changes.Runs[0].Reason, "waits for room: max_runners is 1")

	room := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 2, Run: waits, Capacity: fleet.Capacity{Open: 1}, Now: now})
	equal(t, room.RunnerID, "fleet-7-1")
}

func TestEmptyChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		changes fleet.Changes
		want    bool
	}{
		"nothing":  {fleet.Changes{}, true},
		"a run":    {fleet.Changes{Runs: make([]fleet.Run, 1)}, false},
		"a runner": {fleet.Changes{Runners: make([]fleet.Runner, 1)}, false},
		"a count":  {fleet.Changes{Capacity: &fleet.Capacity{}}, false},
		"a hold":   {fleet.Changes{Holds: make([]fleet.Hold, 1)}, false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, tc.changes.Empty(), tc.want) })
	}
}
