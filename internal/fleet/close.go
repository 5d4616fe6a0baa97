package fleet

import (
	"maps"
	"reflect"
	"slices"
	"time"
)

// CloseFacts are what a decision about the end of a runner needs.
type CloseFacts struct {
	Runner   Runner
	Run      *Run // whose runner it is: the run of the job that it took, else the run that expects it
	Capacity Capacity
	Plan     *Plan  // Validate's decision, nil if it made none
	Job      *Job   // GitHub's state of that run's job, nil if GitHub was not asked
	Error    string // the name of the fleet's failure, "" if there was none
	Cause    string

	Holds         map[string]Hold // those of the run, and those that the runner tries
	RefusalStatus RefusalStatus
	SpotRetry     int
	Deployment    string
	Now           time.Time
}

// CloseResult is what follows from the facts.
type CloseResult struct {
	Changes  Changes
	Relaunch string // the run that still wants a runner
	Held     []Hold // the holds that this setback began
	Runner   Runner
	Run      *Run
}

// Close ends a runner, and its run if that has ended. For a runner that is already
// closed it changes nothing of the runner; its run may still follow.
func Close(f CloseFacts) CloseResult {
	var res CloseResult
	runner := f.Runner
	if runner.Phase != Closed {
		runner.Phase = Closed
		runner.Status = RunnerOffline
		if f.Error != "" {
			runner.Status = RunnerFailed
			runner.FailureName, runner.Failure = f.Error, f.Cause
		}
		if f.Cause != "" {
			runner.Reason = f.Cause
		} else if f.Plan != nil && f.Plan.Decision != Admitted {
			runner.Reason = f.Plan.Reason
		}
		runner.Unresolved = f.Runner.mayHaveHadJob()
		if runner.Reason == "" && f.Runner.Idle() {
			runner.Reason = lostIdle
		}
		runner = runner.Forget().Mark(StageClosed, f.Now)
		capacity := f.Capacity.closed(runner).closedWarm(f.Runner, f.Error, f.Cause, f.Now)
		res.Changes.Capacity = &capacity
	}
	var holds []Hold
	if f.Run != nil {
		var run Run
		var relaunch bool
		run, holds, relaunch = closeRun(*f.Run, runner, f)
		if relaunch {
			res.Relaunch = run.RunID
		}
		if runner.Took == 0 && runner.For == run.RunID && run.RunnerID == "" {
			runner.For = ""
		}
		if f.SpotRetry > 0 {
			run = run.interrupted(runner, f.Now)
		}
		res.Run = &run
		if !reflect.DeepEqual(run, *f.Run) {
			res.Changes.Runs = []Run{run}
		}
	}
	for _, h := range holds {
		if h.InARow == 1 && h.Holds(f.Deployment) {
			res.Held = append(res.Held, h)
		}
	}
	res.Changes.Holds = f.leaveOthers(holds)
	if !reflect.DeepEqual(runner, f.Runner) {
		res.Changes.Runners = []Runner{runner}
	}
	res.Runner = runner
	return res
}

// leaveOthers adds the holds that the runner tries and that are not changed yet.
func (f CloseFacts) leaveOthers(holds []Hold) []Hold {
	for _, key := range slices.Sorted(maps.Keys(f.Holds)) {
		h := f.Holds[key]
		changed := slices.ContainsFunc(holds, func(other Hold) bool { return other.Key == key })
		if !changed && slices.Contains(h.Tries, f.Runner.RunnerID) {
			holds = append(holds, h.Leave(f.Runner.RunnerID))
		}
	}
	return holds
}

func closeRun(run Run, runner Runner, f CloseFacts) (_ Run, _ []Hold, relaunch bool) {
	if runner.Took == run.Job.JobID && run.RunnerID == runner.RunnerID && run.Wanted() {
		run = run.startedOn(runner) // who recorded the first of the two facts died before the second
	}
	if f.Job != nil && f.Job.Status == JobCompleted {
		if run.RunnerID == runner.RunnerID && run.RanOn == "" {
			run.RunnerID = ""
		}
		return run.Complete(*f.Job, f.Now), nil, false
	}
	if runner.Took != 0 {
		if !run.Status.Terminal() && run.RanOn == runner.RunnerID {
			run.Reason = "the runner has ended; GitHub has not reported the end of the job yet"
		}
		return run, nil, false
	}
	if run.RunnerID != runner.RunnerID {
		return run, nil, false // the run expects another runner: not ours to close
	}
	run.RunnerID = ""
	switch {
	case !run.Wanted():
		return run, nil, false
	case f.Plan != nil && f.Plan.Decision == Refused && runner.RunID == run.RunID && !runner.IsWarm():
		// The plan is about the job that the runner was launched for, and no other.
		return run.refuse(Judged{Rule: f.Plan.Rule, Reason: f.Plan.Reason, NotOurs: f.Plan.NotOurs}, f.RefusalStatus, f.Now), nil, false
	case runner.IsWarm() && f.Error != "" && runner.At(StageRegistered).IsZero():
		// Its image and rung are the pool's, so the run's own are not to blame.
		run = run.setBack(SetbackFleet, f.Error, "its warm runner failed before it was registered: "+f.Cause, f.Now)
		run.Setback.NextTry = f.Now
		return run, nil, true
	case f.Error == "" && f.Runner.LostWarm():
		// Nothing kept the job from it: the run gets a runner of its own at once.
		run = run.setBack(SetbackFleet, RunnerStoppedEarly, "its warm runner "+lostIdle, f.Now)
		run.Setback.NextTry = f.Now
		return run, nil, true
	case f.Error == "":
		return run.Move(RunQueued, "its runner was let go before it took a job"), nil, true
	}
	run.Fruitless = min(run.Fruitless+1, mostFruitless)
	run, holds := f.setBack(run, runner)
	return run, holds, true
}

// setBack records the setback on the run and on the holds that it belongs to. Those
// holds decide about the run's next try; without any the run has a time of its own.
func (f CloseFacts) setBack(run Run, runner Runner) (Run, []Hold) {
	kind := kindOfEnd(f.Error, runner, run.Setback != nil)
	var holds []Hold
	if kind == SetbackIdle {
		lately := idleRecently.in(f.Holds)
		lately.Met = meet(lately.Met, RepositoryKey(run.Job.Repository)+" "+run.labelSet(), f.Now)
		lately.InARow, lately.NextTry = 1, f.Now // it is remembered for a while
		holds = append(holds, lately)
		if lately.isOutage() {
			kind = SetbackOutage
		}
	}
	run = run.setBack(kind, f.Error, f.Cause, f.Now)
	if f.Error == RunnerNoCapacity && runner.Subnet != "" {
		holds = append(holds, f.hadNoRoom(runner.Subnet))
		if !slices.Contains(runner.LeftOut, runner.Subnet) {
			run.Setback.NextTry = f.Now // the next runner is launched into another subnet
			return run, holds
		}
	}
	if kind == SetbackFleet && endedWell(runner) {
		run.Setback.NextTry = f.Now // GitHub is asked before anything is spent
	}
	refs := run.holdsOf(kind, runner.Rung)
	if kind == SetbackCapacity && f.Error != RunnerSpotInterrupted {
		// No rung had room, down to the one that was tried last.
		for rung := run.last(runner.Rung) - 1; rung >= run.FirstRung; rung-- {
			refs = append(refs, run.holdsOf(kind, rung)...)
		}
	}
	for _, r := range refs {
		h, changed := r.in(f.Holds).failed(f.Error, f.Cause, r.by, runner, f.Deployment, f.Now)
		if changed {
			holds = append(holds, h)
		}
		if held := len(h.Met) >= h.Needs; held && run.Setback.Hold == "" {
			run.Setback.Hold, run.Setback.NextTry = h.Key, time.Time{}
		}
	}
	return run, holds
}

// kindOfEnd is the kind of a failure. A task that stopped without a reason says nothing
// about its image, and neither does a runner that ended well. If two in a row ended
// well, the second got no job: GitHub deletes registrations that are idle
// (actions/runner#4726).
func kindOfEnd(name string, runner Runner, again bool) SetbackKind {
	lost := runner.ExitCode == nil && runner.StopCode != StopTaskFailedToStart
	switch {
	case name == RunnerStoppedEarly && endedWell(runner) && again:
		return SetbackIdle
	case name == RunnerStoppedEarly && (lost || endedWell(runner)):
		return SetbackFleet
	}
	return KindOf(name)
}

// lostIdle is the reason of a warm runner that ended by itself.
const lostIdle = "ended while it idled: GitHub deletes the registrations of runners that wait for some minutes (actions/runner#4726)"

// LostWarm reports whether a stopped warm runner ended as those do that idle: GitHub deleted
// its registration, or, while no run expected it, its machine was taken back.
func (r Runner) LostWarm() bool {
	if !r.IsWarm() || r.Took != 0 || r.Phase != Open || !r.Stopped() {
		return false
	}
	return endedWell(r) || r.For == "" && r.StopCode == StopSpotInterruption
}

// mayHaveHadJob reports whether a runner that ended may have had a job that no webhook has
// reported. The hook of a warm runner lets a job begin once the fleet has answered it, and the
// answer is recorded first.
func (r Runner) mayHaveHadJob() bool {
	if r.Took != 0 || r.RegistrationID == 0 || r.ExitCode != nil && *r.ExitCode != 0 {
		return false
	}
	return !r.IsWarm() || r.Hook != HookAsks || r.Judged != nil || r.Status == RunnerRunning
}

// endedWell reports whether a runner was registered and ended by itself: it had a job,
// perhaps one of another run, and the webhooks are late.
func endedWell(r Runner) bool {
	return r.ExitCode != nil && *r.ExitCode == 0 && r.RegistrationID != 0
}
