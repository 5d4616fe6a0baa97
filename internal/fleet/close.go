package fleet

import (
	"fmt"
	"time"
)

// CloseFacts are what a decision about the end of a runner needs.
type CloseFacts struct {
	Runner   Runner
	Run      *Run // whose runner it is: of the job it took, else of the run that expects it
	Capacity Capacity
	Health   ImageHealth // of the runner's image
	Plan     *Plan       // Validate's decision, nil if it made none
	Job      *Job        // what GitHub says of that run's job, nil if it was not asked
	Error    string      // the name of what the fleet could not do, "" if nothing
	Cause    string
	Now      time.Time
}

// CloseResult says what follows from it.
type CloseResult struct {
	Changes  Changes
	Relaunch string // the run that still wants a runner
	Opened   bool   // the breaker of the runner's image opened
	Runner   Runner
	Run      *Run
}

// Close ends a runner, and its run where the run has ended or cannot succeed.
// A runner that is closed already changes nothing; its run may still follow.
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
		runner.Unresolved = runner.Took == 0 && runner.RegistrationID != 0 && (runner.ExitCode == nil || *runner.ExitCode == 0)
		runner = runner.Forget().Mark(StageClosed, f.Now)
		capacity := f.Capacity
		capacity.Open = max(0, capacity.Open-1)
		res.Changes.Capacity = &capacity
		health, changed, opened := f.Health.after(runner, f.Error, f.Cause, f.Now)
		if res.Opened = opened; changed {
			res.Changes.Health = &health
		}
	}
	if f.Run != nil {
		run, relaunch := closeRun(*f.Run, runner, f)
		if relaunch {
			res.Relaunch = run.RunID
		}
		if runner.Took == 0 && runner.For == run.RunID && run.RunnerID == "" {
			runner.For = ""
		}
		res.Run = &run
		res.Changes.Runs = []Run{run}
	}
	res.Changes.Runners = []Runner{runner}
	res.Runner = runner
	return res
}

func closeRun(run Run, runner Runner, f CloseFacts) (_ Run, relaunch bool) {
	if f.Job != nil && f.Job.Status == JobCompleted {
		if run.RunnerID == runner.RunnerID && run.RanOn == "" {
			run.RunnerID = ""
		}
		return run.Complete(*f.Job, f.Now), false
	}
	if runner.Took != 0 {
		if !run.Status.Terminal() {
			run.Reason = "the runner has ended; GitHub has not reported the end of the job yet"
		}
		return run, false
	}
	if run.RunnerID != runner.RunnerID {
		return run, false // another runner is expected: not ours to close
	}
	run.RunnerID = ""
	switch {
	case !run.Wanted():
		return run, false
	case f.Plan != nil && f.Plan.Decision == Refused:
		run = run.Move(RunRefused, f.Plan.Reason).Mark(StageClosed, f.Now)
		run.Rule = f.Plan.Rule
		return run, false
	case f.Error == "":
		return run.Move(RunQueued, "its runner was let go before it took a job"), true
	case f.Error == ImageBreakerOpen:
		run.NotBefore = f.Health.OpenUntil
		run.WaitsForRoom = false
		return run.Move(RunQueued, f.Error+": "+f.Cause), false
	case endsRun[f.Error]:
		return run.Move(RunFailed, f.Error+": "+f.Cause).Mark(StageClosed, f.Now), false
	}
	run.Fruitless++
	if run.Fruitless >= MaxFruitless {
		reason := fmt.Sprintf("%d runners ended without taking a job; the last: %s: %s", run.Fruitless, f.Error, f.Cause)
		return run.Move(RunFailed, reason).Mark(StageClosed, f.Now), false
	}
	return run.Move(RunQueued, f.Error+": "+f.Cause), true
}
