package fleet

import (
	"slices"
	"time"
)

// TookFacts are the records that a decision about "job J runs on runner R" needs.
type TookFacts struct {
	Run      Run       // of job J; made by the caller if there was none
	Runner   Runner    // R
	Meant    *Run      // the run that R was meant for, if that is another one
	Expected *Runner   // the runner that J's run expected, if that is another one
	Capacity *Capacity // nil if no runner is to be counted differently: see MayRecount
	At       time.Time

	RefusalStatus RefusalStatus
	Now           time.Time
}

// MayRecount reports whether a runner may have to be counted for another rule, or leaves a
// pool or returns to it.
func (f TookFacts) MayRecount() bool {
	if f.Runner.IsWarm() || f.Expected != nil && f.Expected.IsWarm() {
		return true
	}
	ownToo := f.Expected != nil && (f.Expected.Rule != "" || f.Runner.Rule != "")
	return ownToo || f.Run.RuleKnown && f.Runner.Rule != f.Run.AdmittedBy
}

// TookResult is what follows from the facts.
type TookResult struct {
	Changes  Changes
	Relaunch []string // runs that lost their runner
	End      []string // idle runners that no run expects any more
	Known    bool     // the fact was recorded already
	Freed    []string // rules that have fewer runners than before
	Stop     bool     // policy had refused the job: the runner must not run it
	// Apart reports that the changes are two facts, of one runner and of one run, which may
	// be written one by one: the runner first, since one that has a job is not ended. Who
	// expects whom stays as it is.
	Apart bool
}

// Took records that a runner took a job, and corrects the expectations: GitHub gives a
// job to any idle runner with its labels, whichever job that runner was launched for.
//
// If J's own runner can serve the run that R was meant for, the two swap. Otherwise that
// run is launched again, and J's own idle runner is ended, or returns to its pool.
func Took(f TookFacts) TookResult {
	run, runner := f.Run, f.Runner
	if run.RanOn == runner.RunnerID && runner.Took == run.Job.JobID {
		return f.judgedSince()
	}
	if slices.Contains(run.RanBefore, runner.RunnerID) {
		return TookResult{Known: true} // before GitHub took the job back
	}
	if run.RanOn != "" && run.RanOn != runner.RunnerID || runner.Took != 0 && runner.Took != run.Job.JobID {
		return TookResult{Known: true} // facts are written once: the first one stays
	}
	run.RanOn, runner.Took = runner.RunnerID, run.Job.JobID
	runner.Unresolved = false
	runner = runner.Reopen() // it was ended because it had no job, and has one
	run = f.runsOrRefused(run).Mark(StageJobStarted, f.At)
	run.WaitsForRoom, run.Setback = false, nil
	runner = runner.Progress(RunnerRunning).Mark(StageJobStarted, f.At)
	if by, ok := runner.StoppedBy(); ok {
		by.RunID = run.RunID
		run = run.Trace(by)
	}

	judged := runner.JudgedAs(run.Job.JobID)
	res := TookResult{Stop: f.Run.Status == RunRefused && run.Status == RunRunning && judged == nil}
	expected := run.RunnerID
	if expected != runner.RunnerID {
		run.RunnerID, runner.For = runner.RunnerID, run.RunID
		runner = runner.expectedBy(run, f.Now)
	}
	meantFor := runner.Rule
	if run.RuleKnown && f.Capacity != nil {
		runner.Rule = run.AdmittedBy
	}
	meant, own := f.Meant, f.Expected
	if meant != nil && (meant.RunID == run.RunID || meant.RunnerID != runner.RunnerID) {
		meant = nil
	}
	if own != nil && (own.RunnerID == runner.RunnerID || own.RunnerID != expected) {
		own = nil
	}
	swaps := run.Status != RunRefused // the own runner of a refused job is being refused, too
	if swaps && meant != nil && own != nil && own.CanTake() && meant.Wanted() && CanRun(own.Labels, meant.Job) {
		res.swap(*meant, own.countedFor(meantFor).expectedBy(*meant, f.Now))
	} else {
		if meant != nil {
			res.displace(*meant, runner.RunnerID)
		}
		if own != nil {
			res.letGo(*own)
		}
	}
	res.Changes.Runs = append(res.Changes.Runs, run)
	res.Changes.Runners = append(res.Changes.Runners, runner)
	res.countFor(f)
	res.keepPools(f)
	res.Apart = expected == runner.RunnerID && len(res.Changes.Runs) == 1 && len(res.Changes.Runners) == 1 && res.Changes.Capacity == nil
	return res
}

// keepPools lists the warm runners that idle after a job began.
func (res *TookResult) keepPools(f TookFacts) {
	if f.Capacity == nil {
		return
	}
	capacity, changed := *f.Capacity, false
	if res.Changes.Capacity != nil {
		capacity = *res.Changes.Capacity
	}
	for _, r := range res.Changes.Runners {
		was := f.Runner
		if r.RunnerID != was.RunnerID {
			was = *f.Expected
		}
		if r.IsWarm() {
			capacity, changed = capacity.keptWarm(was, r, f.Now), true
		}
		if was.Idle() && r.Took != 0 {
			capacity = capacity.taken(r, f.Now)
		}
	}
	if changed {
		res.Changes.Capacity = &capacity
	}
}

// startedOn is a run whose job the runner took that it expects.
func (r Run) startedOn(runner Runner) Run {
	r.RanOn, r.WaitsForRoom, r.Setback = runner.RunnerID, false, nil
	return r.Move(RunRunning, "").Mark(StageJobStarted, runner.At(StageJobStarted))
}

// runsOrRefused is the run once a runner has its job. Where the runner's hook asks, it ends
// a refused job: such a run is REFUSED, and stays so.
func (f TookFacts) runsOrRefused(run Run) Run {
	judged := f.Runner.JudgedAs(run.Job.JobID)
	switch {
	case judged != nil && judged.Verdict == Refused:
		return run.refuse(*judged, f.RefusalStatus, f.Now)
	case judged == nil && run.Status == RunRefused && f.Runner.Hook == HookAsks:
		return run
	}
	return run.Move(RunRunning, "")
}

// judgedSince is the result for a job that the records have on its runner already: what
// policy has said of it since, if that is new.
func (f TookFacts) judgedSince() TookResult {
	res := TookResult{Known: true}
	judged := f.Runner.JudgedAs(f.Run.Job.JobID)
	if judged == nil || judged.Verdict == Refused && f.Run.Status != RunRunning || judged.Verdict != Refused && f.Run.Status != RunRefused {
		return res
	}
	run := f.runsOrRefused(f.Run)
	run.WaitsForRoom, run.Setback = false, nil
	res.Changes.Runs = []Run{run}
	return res
}

// swap makes a run that lost its runner expect a runner that lost its job.
func (res *TookResult) swap(meant Run, own Runner) {
	meant.RunnerID, own.For = own.RunnerID, meant.RunID
	res.Changes.Runs = append(res.Changes.Runs, meant.Follow(own))
	res.Changes.Runners = append(res.Changes.Runners, own)
}

// displace takes its runner from a run, which is launched again if it is wanted.
func (res *TookResult) displace(meant Run, runnerID string) {
	meant.RunnerID = ""
	if meant.Wanted() {
		meant = meant.Move(RunQueued, "its runner "+runnerID+" took another job")
		meant.Displaced++
		res.Relaunch = append(res.Relaunch, meant.RunID)
	}
	res.Changes.Runs = append(res.Changes.Runs, meant)
}

// letGo takes its job from a runner, which is ended if it has none. A warm one that can
// still take one returns to its pool.
func (res *TookResult) letGo(own Runner) {
	if own.IsWarm() && own.CanTake() {
		res.Changes.Runners = append(res.Changes.Runners, own.returned())
		return
	}
	own.For = ""
	if own.Took == 0 { // it is counted for no rule until it is ended
		own.Rule = ""
	}
	res.Changes.Runners = append(res.Changes.Runners, own)
	if own.Phase != Closed && own.Took == 0 {
		res.End = append(res.End, own.RunnerID)
	}
}
