package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var later = now.Add(time.Hour)

func TestCloseARunner(t *testing.T) {
	refused := &fleet.Plan{Decision: fleet.Refused, Reason: "no such class"}
	admitted := &fleet.Plan{Decision: fleet.Admitted}
	for name, tc := range map[string]struct {
		facts  fleet.CloseFacts
		status fleet.RunnerStatus
		reason string
	}{
		"that did its work":      {fleet.CloseFacts{Plan: admitted}, fleet.RunnerOffline, "before"},
		"that was never planned": {fleet.CloseFacts{}, fleet.RunnerOffline, "before"},
		"whose job was refused":  {fleet.CloseFacts{Plan: refused}, fleet.RunnerOffline, "no such class"},
		"that ended for a cause": {fleet.CloseFacts{Plan: refused, Cause: "stopped"}, fleet.RunnerOffline, "stopped"},
		"that failed":            {fleet.CloseFacts{Error: fleet.RunnerStartTimeout, Cause: "no claim"}, fleet.RunnerFailed, "no claim"},
	} {
		t.Run(name, func(t *testing.T) {
			_, runner := launched(t, jobOf(1))
			runner.TaskToken, runner.WaitingFor, runner.Reason, runner.For = "token", fleet.WaitForJob, "before", ""
			tc.facts.Runner, tc.facts.Capacity, tc.facts.Now = runner, fleet.Capacity{Open: 3, Version: 5}, later
			got := fleet.Close(tc.facts)

			want := runner.Forget().Mark(fleet.StageClosed, later)
			want.Phase, want.Status, want.Reason = fleet.Closed, tc.status, tc.reason
			want.FailureName = tc.facts.Error
			if tc.facts.Error != "" {
				want.Failure = tc.facts.Cause
			}
			equal(t, got, fleet.CloseResult{
				Runner:  want,
				Changes: fleet.Changes{Runners: []fleet.Runner{want}, Capacity: &fleet.Capacity{Open: 2, Version: 5}},
			})
		})
	}
}

func TestCloseARunnerTwice(t *testing.T) {
	_, runner := launched(t, jobOf(1))
	once := fleet.Close(fleet.CloseFacts{Runner: runner, Capacity: fleet.Capacity{Open: 1}, Now: now}).Runner
	again := fleet.Close(fleet.CloseFacts{Runner: once, Error: fleet.RunnerIdleTimeout, Cause: "late", Now: later})
	equal(t, again.Runner, once)
	if again.Changes.Capacity != nil {
		t.Error("its place is given back twice")
	}
}

func TestTheCountNeverFallsBelowNothing(t *testing.T) {
	_, runner := launched(t, jobOf(1))
	equal(t, fleet.Close(fleet.CloseFacts{Runner: runner}).Changes.Capacity.Open, 0)
}

func TestCloseTheRunOfARunnerWithoutAJob(t *testing.T) {
	refused := &fleet.Plan{Decision: fleet.Refused, Rule: "class.unknown", Reason: "no such class"}
	notWanted := &fleet.Plan{Decision: fleet.NotWanted, Reason: "the job is completed"}
	cancelled := completed("cancelled")
	queued := jobOf(1)
	for name, tc := range map[string]struct {
		facts     fleet.CloseFacts
		fruitless int // before
		status    fleet.RunStatus
		says      string
		rule      string
		counted   bool
		relaunch  bool
	}{
		"refused by policy":                {facts: fleet.CloseFacts{Plan: refused}, status: fleet.RunRefused, says: "no such class", rule: "class.unknown"},
		"refused, whatever failed besides": {facts: fleet.CloseFacts{Plan: refused, Error: "States.Runtime"}, status: fleet.RunRefused, says: "no such class", rule: "class.unknown"},
		"let go":                           {facts: fleet.CloseFacts{}, status: fleet.RunQueued, says: "let go before it took a job", relaunch: true},
		"let go, and GitHub has it queued": {facts: fleet.CloseFacts{Job: &queued}, status: fleet.RunQueued, says: "let go", relaunch: true},
		"let go, wanted for all we know":   {facts: fleet.CloseFacts{Plan: notWanted}, status: fleet.RunQueued, says: "let go", relaunch: true},
		"GitHub says it is cancelled":      {facts: fleet.CloseFacts{Job: &cancelled, Error: fleet.RunnerIdleTimeout}, status: fleet.RunCancelled, says: "cancelled on GitHub"},
		"a failure that may pass":          {facts: fleet.CloseFacts{Error: fleet.RunnerIdleTimeout, Cause: "no job"}, status: fleet.RunQueued, says: "Runner.IdleTimeout: no job", counted: true, relaunch: true},
		"a failure without a name":         {facts: fleet.CloseFacts{Error: "States.Timeout"}, status: fleet.RunQueued, says: "States.Timeout", counted: true, relaunch: true},
		"the fourth failure":               {facts: fleet.CloseFacts{Error: fleet.RunnerIdleTimeout}, fruitless: 3, status: fleet.RunQueued, counted: true, relaunch: true},
		"a failure after the last counted": {facts: fleet.CloseFacts{Error: fleet.RunnerIdleTimeout, Cause: "no job"}, fruitless: 99, status: fleet.RunQueued, says: "Runner.IdleTimeout: no job", relaunch: true},
	} {
		t.Run(name, func(t *testing.T) {
			run, runner := launched(t, jobOf(1))
			run.Fruitless = tc.fruitless
			tc.facts.Runner, tc.facts.Run, tc.facts.Capacity, tc.facts.Now = runner, &run, fleet.Capacity{Open: 1}, later
			got := fleet.Close(tc.facts)

			if got.Run.Status != tc.status || !strings.Contains(got.Run.Reason, tc.says) || got.Run.Rule != tc.rule {
				t.Errorf("got %s (%s: %s), want %s (…%s…)", got.Run.Status, got.Run.Rule, got.Run.Reason, tc.status, tc.says)
			}
			equal(t, got.Run.Fruitless > tc.fruitless, tc.counted)
			equal(t, got.Relaunch != "", tc.relaunch)
			equal(t, got.Run.RunnerID+got.Runner.For, "") // nothing is expected any more
			equal(t, got.Run.At(fleet.StageClosed).IsZero(), !tc.status.Terminal())
			equal(t, got.Changes.Runs, []fleet.Run{*got.Run})
		})
	}
}

func TestCloseTheRunThatARunnerTook(t *testing.T) {
	done, running := completed("success"), jobOf(1)
	running.Status = fleet.JobInProgress
	over := func(r *fleet.Run) { *r = r.Complete(completed("failure"), now) }
	asItIs := func(*fleet.Run) {}
	for name, tc := range map[string]struct {
		before     func(*fleet.Run)
		job        *fleet.Job
		status     fleet.RunStatus
		conclusion string
		says       string
	}{
		"GitHub says how it ended":        {asItIs, &done, fleet.RunCompleted, "success", ""},
		"GitHub has not seen it end":      {asItIs, &running, fleet.RunRunning, "", "GitHub has not reported the end"},
		"GitHub was not asked":            {asItIs, nil, fleet.RunRunning, "", "GitHub has not reported the end"},
		"its end is known":                {over, nil, fleet.RunCompleted, "failure", ""},
		"its end is known, and stays":     {over, &done, fleet.RunCompleted, "failure", ""},
		"its job is never launched again": {func(r *fleet.Run) { r.Fruitless = 4 }, nil, fleet.RunRunning, "", "GitHub has not reported the end"},
	} {
		t.Run(name, func(t *testing.T) {
			run, runner := taken(launched(t, jobOf(1)))
			tc.before(&run)
			got := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Job: tc.job, Error: "States.Timeout", Now: later})
			if got.Run.Status != tc.status || got.Run.Conclusion != tc.conclusion || !strings.Contains(got.Run.Reason, tc.says) {
				t.Errorf("got %s, %s (%s)", got.Run.Status, got.Run.Conclusion, got.Run.Reason)
			}
			equal(t, got.Relaunch, "")
			equal(t, got.Run.RanOn, runner.RunnerID)
			equal(t, got.Run.Fruitless, run.Fruitless)
		})
	}
}

func TestARunThatExpectsAnotherRunnerIsLeftAlone(t *testing.T) {
	run, runner := launched(t, jobOf(1))
	run.RunnerID = "fleet-1-2"
	got := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Error: fleet.RunnerLaunchFailed, Now: later})
	equal(t, *got.Run, run)
	equal(t, got.Relaunch, "")
}

func TestARunThatNeedsNoRunnerKeepsItsStatus(t *testing.T) {
	for _, status := range []fleet.RunStatus{fleet.RunWaiting, fleet.RunCompleted, fleet.RunCancelled, fleet.RunFailed, fleet.RunRefused} {
		run, runner := launched(t, jobOf(1))
		run.Status = status
		got := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Error: fleet.RunnerIdleTimeout, Now: later})
		run.RunnerID = ""
		equal(t, *got.Run, run)
		equal(t, got.Relaunch+got.Runner.For, "")
	}
}

// A runner that was registered and ended well had a job: the webhooks are late, or the
// job was another run's. The run is tried again at once. If the next runner ends in the
// same way, it got no job: GitHub deletes registrations that are idle
// (actions/runner#4726).
func TestARunnerThatEndedWellIsReplacedAtOnce(t *testing.T) {
	run, runner := launched(t, jobOf(1))
	runner.ExitCode, runner.RegistrationID = new(int), 5
	first := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Error: fleet.RunnerStoppedEarly, Cause: "why", Now: later}).Run
	equal(t, first.Setback.Kind, fleet.SetbackFleet)
	equal(t, first.Setback.NextTry, later)
	first.RunnerID = runner.RunnerID
	second := fleet.Close(fleet.CloseFacts{Runner: runner, Run: first, Error: fleet.RunnerStoppedEarly, Cause: "why", Now: later}).Run
	equal(t, second.Setback.Kind, fleet.SetbackIdle)
	equal(t, strings.HasPrefix(second.Setback.Hold, fleet.IdleHoldsOf("octo/repo")), true)
}
