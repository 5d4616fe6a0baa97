package fleet

import (
	"fmt"
	"time"
)

// Capacity counts the open runners of the fleet, and says whether it may have more. It
// changes in the transaction that opens or closes a runner, so nothing is launched after
// the fleet was paused: the launch would meet a conflict.
type Capacity struct {
	Open int `json:"open"`
	// OpenOf are the open runners of each repository that has any, by its key.
	OpenOf map[string]int `json:"open_of,omitempty"`
	// OpenOfRule are the open runners of each rule of the policy that has any, by its name.
	OpenOfRule map[string]int `json:"open_of_rule,omitempty"`
	// Turn is the turn of the last launched run among those that waited for room. Turns
	// are the last turns of the repositories that have waiting runs, by their keys.
	Turn  int64            `json:"turn,omitempty"`
	Turns map[string]int64 `json:"turns,omitempty"`
	Pace  Pace             `json:"pace,omitzero"`
	// Warm are the runners that idle in pools, by id, WarmMade counts all that there ever
	// were, and Pools is what became of them today, by the pools' keys.
	Warm     map[string]WarmRunner `json:"warm,omitempty"`
	WarmMade int                   `json:"warm_made,omitempty"`
	Pools    map[string]PoolState  `json:"pools,omitempty"`
	// Paused is why an operator paused launches, "" if they are not paused. PausedBy is who
	// gave that reason: pauses of the release before do not say it.
	Paused   string    `json:"paused,omitempty"`
	PausedBy string    `json:"paused_by,omitempty"`
	PausedAt time.Time `json:"paused_at,omitzero"`
	Version  int64     `json:"version"`
}

// Changes are records to write in one transaction: all of them, or none if one has
// changed since it was read. A record's Version says which was read; 0 makes the record.
type Changes struct {
	Runs     []Run
	Runners  []Runner
	Capacity *Capacity
	Holds    []Hold
	Actions  []Action // to list: one of the same id is replaced
}

// Empty reports whether there is nothing to write.
func (c Changes) Empty() bool {
	return len(c.Runs) == 0 && len(c.Runners) == 0 && c.Capacity == nil && len(c.Holds) == 0 && len(c.Actions) == 0
}

// LaunchFacts are the facts for a decision about a launch.
type LaunchFacts struct {
	FleetName        string
	MaxRunners       int
	MaxPerRepository int // open runners of one repository; 0 means no limit
	KeptForOthers    int // the last places, for repositories that have no runner
	Repositories     int // that the fleet serves
	MaxOfRules       map[string]int
	Behind           bool          // another run waits for room and comes first
	Queue            time.Duration // how long GitHub keeps a job queued
	Run              Run
	Capacity         Capacity
	Idle             *Runner  // a warm runner that can take the job, nil if there is none
	Others           []Runner // warm runners that idle and cannot take it
	Holds            map[string]Hold
	Deployment       string
	Now              time.Time
}

// LaunchResult is the decision of Launch.
type LaunchResult struct {
	Changes  Changes
	RunnerID string // to start an execution for: new, already open, or warm
	Reason   string // why there is no runner
	GivesWay string // the idle warm runner that is to be ended for this run
}

// Launch decides whether a run gets its next runner. It is the only way to one: the run
// is wanted, has no open runner, its time has come, no hold keeps it, and the fleet has
// room. If the run has to wait, Launch marks it so, with the reason.
func Launch(f LaunchFacts) LaunchResult {
	run := f.Run
	switch {
	case !run.Wanted():
		return LaunchResult{Reason: "the run needs no runner"}
	case run.RunnerID != "":
		return LaunchResult{RunnerID: run.RunnerID}
	case run.Retrying() && run.Setback.NextTry.After(f.Now):
		return LaunchResult{Reason: run.Reason}
	case f.Capacity.Paused != "":
		return f.waitForRoom(run, f.Capacity.pausedReason(), forRoom)
	}
	if next := f.overdue(); next.After(f.Now) {
		run.Setback = &Setback{
			Kind: SetbackJob, Name: RunnerDeadlineExceeded, At: f.Now, NextTry: next,
			Cause: "GitHub has had the job in its queue for more than " + f.Queue.String() + ": one runner a day is started for it",
		}
		run.WaitsForRoom = false
		run = run.Move(RunQueued, run.Setback.reason())
		return LaunchResult{Reason: run.Reason, Changes: Changes{Runs: []Run{run}}}
	}
	rung, kept := f.rung()
	if kept != nil {
		waiting, changed := run.waitFor(*kept, f.Now)
		if !changed {
			return LaunchResult{Reason: run.Reason}
		}
		return LaunchResult{Reason: waiting.Reason, Changes: Changes{Runs: []Run{waiting}}}
	}
	if full := f.Capacity.fullRule(run.AdmittedBy, f.MaxOfRules); full != "" {
		return f.waitForRoom(run, full, forRule)
	}
	if f.expectsIdle() {
		return f.expect(*f.Idle)
	}
	if f.fullRepository(run) {
		return f.givesWay(f.waitForRoom(run, fmt.Sprintf("waits for room: max_runners_per_repository is %d", f.MaxPerRepository), forShare), run.Job.Repository)
	}
	if f.onlyKept() {
		return f.givesWay(f.waitForRoom(run, fmt.Sprintf("waits for room: the last %d of max_runners are kept for repositories that have no runner", f.kept()), forShare), "")
	}
	full := fmt.Sprintf("waits for room: max_runners is %d", f.MaxRunners)
	places, starts := f.MaxRunners-f.Capacity.Open, f.Capacity.Pace.free(f.Now)
	switch {
	case places <= 0:
		return f.givesWay(f.waitForRoom(run, full, forRoom), "")
	case f.Behind && places <= starts:
		return f.waitForRoom(run, full, forRoom) // the place that is free is for a run before it
	case f.Behind:
		return f.waitForRoom(run, behindReason, forRoom)
	case starts == 0:
		return f.waitForRoom(run, paceReason, forRoom)
	}
	return f.launch(rung)
}

// kept is how many places are kept for repositories that have no runner: one for each,
// as long as there are such repositories, so that a few together do not take what is
// left to others.
func (f LaunchFacts) kept() int {
	return min(f.KeptForOthers, max(0, f.Repositories-len(f.Capacity.OpenOf)))
}

// onlyKept reports whether the places that are left are kept for others than the run's
// repository.
func (f LaunchFacts) onlyKept() bool {
	kept := f.kept()
	return kept > 0 && f.Capacity.OpenOf[RepositoryKey(f.Run.Job.Repository)] > 0 && f.Capacity.Open >= f.MaxRunners-kept
}

// HasRoom reports whether no runner has to end before the run can have one.
func (f LaunchFacts) HasRoom() bool {
	return f.Capacity.Open < f.MaxRunners && !f.fullRepository(f.Run) && !f.onlyKept()
}

// overdue is when a run may be launched that GitHub has had queued for longer than it
// keeps jobs; zero for every other run.
func (f LaunchFacts) overdue() time.Time {
	if f.Queue == 0 || f.Run.LaunchedAt.IsZero() || f.Now.Sub(f.Run.QueuedSince()) <= f.Queue {
		return time.Time{}
	}
	return f.Run.LaunchedAt.Add(24 * time.Hour)
}

// rung is the first rung of the ladder that no hold keeps the run from, or else kept is
// the hold that the run has to wait for.
func (f LaunchFacts) rung() (rung int, kept *Hold) {
	for rung = f.Run.FirstRung; rung < max(1, f.Run.Rungs); rung++ {
		if kept = f.keeps(rung); kept == nil {
			return rung, nil
		}
	}
	return f.Run.FirstRung, kept
}

// keeps is the hold that keeps the run from being launched on a rung, nil if none does.
func (f LaunchFacts) keeps(rung int) *Hold {
	for _, r := range f.Run.holdsAt(rung) {
		if h := r.in(f.Holds); h.Holds(f.Deployment) && h.Free(f.Now) == 0 {
			return &h
		}
	}
	return nil
}

func (f LaunchFacts) launch(rung int) LaunchResult {
	run := f.Run
	run.Launched++
	run.RunnerID = RunnerID(f.FleetName, run.Job.JobID, run.Launched)
	run.LastRunner = run.RunnerID
	run.LaunchedAt = f.Now.UTC()
	run.WaitsForRoom, run.WaitsForShare, run.WaitsForRule = false, false, false
	run = run.Move(RunStarting, "").Mark(StageLaunched, f.Now)
	runner := Runner{
		Schema:     Schema,
		RunnerID:   run.RunnerID,
		RunID:      run.RunID,
		For:        run.RunID,
		Status:     RunnerStarting,
		Phase:      Open,
		Repository: run.Job.Repository,
		Labels:     RunnerLabels(run.Job),
		Rule:       run.AdmittedBy,
		Rung:       rung,
		LeftOut:    f.leftOut(),
		Times:      Times{}.set(StageLaunched, f.Now),
	}
	changes := Changes{}
	for _, r := range f.Run.holdsAt(rung) {
		if h := r.in(f.Holds); h.Holds(f.Deployment) {
			changes.Holds = append(changes.Holds, h.try(runner.RunnerID, f.Now))
			runner.Tries = append(runner.Tries, h.Key)
		}
	}
	capacity := f.Capacity.opened(run, f.Now)
	changes.Runs, changes.Runners, changes.Capacity = []Run{run}, []Runner{runner}, &capacity
	return LaunchResult{RunnerID: run.RunnerID, Changes: changes}
}
