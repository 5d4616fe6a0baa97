package fleet

import (
	"fmt"
	"time"
)

// Capacity counts the open runners of the fleet, and says whether it may have more.
// It changes in the transaction that opens or closes one, so nothing is launched
// after the fleet was paused: the launch would meet a conflict.
type Capacity struct {
	Open int `json:"open"`
	// Paused is why people had the fleet launch nothing, "" unless they have.
	Paused   string    `json:"paused,omitempty"`
	PausedAt time.Time `json:"paused_at,omitzero"`
	Version  int64     `json:"version"`
}

// Changes are records to write in one transaction: all of them, or none if
// somebody else changed one since it was read (its Version says which was read;
// 0 makes the record).
type Changes struct {
	Runs     []Run
	Runners  []Runner
	Capacity *Capacity
	Health   *ImageHealth
}

// Empty tells whether there is nothing to write.
func (c Changes) Empty() bool {
	return len(c.Runs) == 0 && len(c.Runners) == 0 && c.Capacity == nil && c.Health == nil
}

// LaunchResult says what Launch decided.
type LaunchResult struct {
	Changes  Changes
	RunnerID string // to start an execution for: new, or already open
	Reason   string // why there is none
}

// Launch decides whether a run gets its next runner. It is the only way to one:
// the run is wanted, has no open runner, and the fleet has room. A run that is
// to wait is marked so, with the reason.
func Launch(fleetName string, maxRunners int, run Run, capacity Capacity, now time.Time) LaunchResult {
	switch {
	case !run.Wanted():
		return LaunchResult{Reason: "the run needs no runner"}
	case run.RunnerID != "":
		return LaunchResult{RunnerID: run.RunnerID}
	case run.NotBefore.After(now):
		return LaunchResult{Reason: run.Reason}
	case run.Fruitless >= MaxFruitless:
		return LaunchResult{Reason: "too many runners ended without a job"}
	case capacity.Paused != "":
		return hold(run, capacity.pausedReason())
	case capacity.Open >= maxRunners:
		return hold(run, fmt.Sprintf("waits for room: max_runners is %d", maxRunners))
	}
	run.Launched++
	run.RunnerID = RunnerID(fleetName, run.Job.JobID, run.Launched)
	run.LastRunner = run.RunnerID
	run.WaitsForRoom = false
	run = run.Move(RunStarting, "").Mark(StageLaunched, now)
	runner := Runner{
		Schema:     Schema,
		RunnerID:   run.RunnerID,
		RunID:      run.RunID,
		For:        run.RunID,
		Status:     RunnerStarting,
		Phase:      Open,
		Repository: run.Job.Repository,
		Labels:     RunnerLabels(run.Job),
		Times:      Times{}.set(StageLaunched, now),
	}
	capacity.Open++
	return LaunchResult{RunnerID: run.RunnerID, Changes: Changes{Runs: []Run{run}, Runners: []Runner{runner}, Capacity: &capacity}}
}

// hold lets a run wait for room, with the reason.
func hold(run Run, reason string) LaunchResult {
	if run.WaitsForRoom && run.Reason == reason {
		return LaunchResult{Reason: reason}
	}
	run = run.Move(RunQueued, reason)
	run.WaitsForRoom = true
	return LaunchResult{Reason: reason, Changes: Changes{Runs: []Run{run}}}
}
