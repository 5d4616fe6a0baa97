package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// asking is a runner whose hook asks, and has had its answer about a job: "" if not yet.
func asking(runner fleet.Runner, jobID int64, verdict fleet.Verdict) fleet.Runner {
	runner.Hook = fleet.HookAsks
	if verdict != "" {
		runner.Judged = &fleet.Judged{JobID: jobID, Verdict: verdict, Rule: "policy.no-forks", Reason: "no forks"}
	}
	return runner
}

// A job that policy refuses is on a runner. What its run becomes depends on who knew what
// first: policy in Validate, the webhook, or the runner's hook.
func TestARunnerTookARefusedJob(t *testing.T) {
	refusedBefore := func(r fleet.Run) fleet.Run {
		r.Status, r.Rule, r.Reason, r.RunnerID = fleet.RunRefused, "policy.no-forks", "no forks", ""
		return r
	}
	begun := func(r fleet.Run) fleet.Run { return r }
	for name, tc := range map[string]struct {
		run    func(fleet.Run) fleet.Run
		runner func(fleet.Runner) fleet.Runner
		status fleet.RunStatus
		rule   string
		stop   bool
	}{
		"without enforcing, its task is stopped": {
			refusedBefore, func(r fleet.Runner) fleet.Runner { return r }, fleet.RunRunning, "", true},
		"an image without the hook, its task is stopped": {
			refusedBefore, func(r fleet.Runner) fleet.Runner { r.Hook = fleet.HookMissing; return r }, fleet.RunRunning, "", true},
		"its hook has still to ask": {
			refusedBefore, func(r fleet.Runner) fleet.Runner { return asking(r, 2, "") }, fleet.RunRefused, "policy.no-forks", false},
		"its hook was told so": {
			refusedBefore, func(r fleet.Runner) fleet.Runner { return asking(r, 2, fleet.Refused) }, fleet.RunRefused, "policy.no-forks", false},
		"its hook was told so before Validate decided": {
			begun, func(r fleet.Runner) fleet.Runner { return asking(r, 2, fleet.Refused) }, fleet.RunRefused, "policy.no-forks", false},
		"another policy admits it now": {
			refusedBefore, func(r fleet.Runner) fleet.Runner { return asking(r, 2, fleet.Admitted) }, fleet.RunRunning, "", false},
		"its hook was answered about another job": {
			begun, func(r fleet.Runner) fleet.Runner { return asking(r, 3, fleet.Refused) }, fleet.RunRunning, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			run1, run2, runner1, runner2 := two(t)
			run2 = tc.run(run2)
			got := fleet.Took(fleet.TookFacts{Run: run2, Runner: tc.runner(runner1), Meant: &run1, Expected: &runner2, At: started, Now: later})
			var run fleet.Run
			for _, r := range got.Changes.Runs {
				if r.RunID == run2.RunID {
					run = r
				}
			}
			if run.Status != tc.status || run.Rule != tc.rule || run.RanOn != runner1.RunnerID || got.Stop != tc.stop {
				t.Errorf("the run is %s by rule %q on %q, stop is %t", run.Status, run.Rule, run.RanOn, got.Stop)
			}
		})
	}
}

// The runner was launched for job 1, which gets another. The own runner of the refused job
// is on its way to the same refusal, so it is no good to job 1.
func TestARefusedJobSwapsNoRunners(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	got := fleet.Took(fleet.TookFacts{Run: run2, Runner: asking(runner1, 2, fleet.Refused), Meant: &run1, Expected: &runner2, At: started, Now: later})
	equal(t, got.Relaunch, []string{"job-1"})
	equal(t, got.End, []string{runner2.RunnerID})
}

// The webhook came first, so the run is RUNNING, and then the hook was answered.
func TestTheAnswerComesAfterTheWebhook(t *testing.T) {
	for name, tc := range map[string]struct {
		status  fleet.RunStatus
		verdict fleet.Verdict
		want    fleet.RunStatus // "" if nothing is written
	}{
		"refused":                         {fleet.RunRunning, fleet.Refused, fleet.RunRefused},
		"refused, and told before":        {fleet.RunRefused, fleet.Refused, ""},
		"admitted":                        {fleet.RunRunning, fleet.Admitted, ""},
		"admitted, and refused before":    {fleet.RunRefused, fleet.Admitted, fleet.RunRunning},
		"refused, and its job has ended":  {fleet.RunCancelled, fleet.Refused, ""},
		"admitted, and its job has ended": {fleet.RunCompleted, fleet.Admitted, ""},
		"the hook has not asked":          {fleet.RunRunning, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, runner := launched(t, jobOf(1))
			run, runner = taken(run, runner)
			run.Status = tc.status
			got := fleet.Took(fleet.TookFacts{Run: run, Runner: asking(runner, 1, tc.verdict), At: started, Now: later})
			var status fleet.RunStatus
			if len(got.Changes.Runs) == 1 {
				status = got.Changes.Runs[0].Status
			}
			if !got.Known || status != tc.want {
				t.Errorf("known is %t, the run is written as %q", got.Known, status)
			}
		})
	}
}

func TestARefusedJobIsShown(t *testing.T) {
	job := jobOf(1)
	job.HeadSHA, job.WorkflowRunID = "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11", 5
	run, runner := launched(t, job)
	got := fleet.Took(fleet.TookFacts{Run: run, Runner: asking(runner, 1, fleet.Refused), At: started, Now: later}).Changes.Runs[0]
	equal(t, got.Notice, &fleet.Notice{NextTry: later, Rule: "policy.no-forks", Reason: "no forks"})

	foreign := asking(runner, 1, fleet.Refused)
	foreign.Judged.NotOurs = true
	got = fleet.Took(fleet.TookFacts{Run: run, Runner: foreign, At: started, Now: later}).Changes.Runs[0]
	equal(t, got.Notice, nil)
}

// A refused job that its hook ended is cancelled on GitHub, and its run stays what it is.
func TestTheEndOfARefusedJob(t *testing.T) {
	for name, tc := range map[string]struct {
		ranOn, conclusion string
		status            fleet.RunStatus
	}{
		"cancelled by its hook":                  {"fleet-9-1", "cancelled", fleet.RunRefused},
		"failed, as its runner was gone":         {"fleet-9-1", "failure", fleet.RunRefused},
		"it ran all the same":                    {"fleet-9-1", "success", fleet.RunCompleted},
		"cancelled while no runner had taken it": {"", "cancelled", fleet.RunCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			run := fleet.NewRun(jobOf(1), now).Move(fleet.RunRefused, "no forks")
			run.Rule, run.RanOn = "policy.no-forks", tc.ranOn
			job := run.Job
			job.Conclusion = tc.conclusion
			got := run.Complete(job, later)
			if got.Status != tc.status || got.Conclusion != tc.conclusion {
				t.Errorf("it is %s, and its job %q", got.Status, got.Conclusion)
			}
			if tc.status == fleet.RunRefused {
				equal(t, []string{got.Rule, got.Reason}, []string{"policy.no-forks", "no forks"})
			}
			equal(t, got.Complete(job, later.Add(time.Hour)), got)
		})
	}
}

// Two runners have swapped, and the one that job 1 expects was launched for job 2, which
// policy refuses.
func TestARefusalIsOfTheJobThatTheRunnerWasLaunchedFor(t *testing.T) {
	run1, _, _, runner2 := two(t)
	run1.RunnerID, runner2.For = runner2.RunnerID, run1.RunID
	got := fleet.Close(fleet.CloseFacts{Runner: runner2, Run: &run1, Plan: &fleet.Plan{Decision: fleet.Refused, Rule: "a.rule", Reason: "no"}, Now: later})
	if got.Run.Status != fleet.RunQueued || got.Relaunch != run1.RunID {
		t.Errorf("the run of the other job is %s, and %q is launched again", got.Run.Status, got.Relaunch)
	}
}

func TestAJobThatGoesOnThoughItIsRefused(t *testing.T) {
	run, runner := launched(t, jobOf(1))
	run, _ = taken(run, runner)
	run.Status = fleet.RunRefused
	cancelled := run
	cancelled.Conclusion = "cancelled"
	for name, tc := range map[string]struct {
		run  fleet.Run
		at   time.Time
		want bool
	}{
		"its hook has just been told": {run, started.Add(3 * time.Minute), false},
		"it should have ended":        {run, started.Add(6 * time.Minute), true},
		"it has ended":                {cancelled, started.Add(6 * time.Minute), false},
	} {
		if got := tc.run.GoesOn(tc.at); got != tc.want {
			t.Errorf("%s: goes on is %t", name, got)
		}
	}
}

// A hook that asks for two minutes costs a dozen questions at most.
func TestAskingForAJobIsBounded(t *testing.T) {
	var runner fleet.Runner
	asked, at := 0, now
	for at.Before(now.Add(fleet.HookWait)) {
		next, ok, wait := runner.AskForJob(at)
		if ok {
			asked++
		}
		runner, at = next, at.Add(max(wait, time.Second))
	}
	if asked < 8 || asked > 12 {
		t.Errorf("asked %d times in %s", asked, fleet.HookWait)
	}
	for range 100 {
		at = at.Add(time.Minute)
		if next, ok, _ := runner.AskForJob(at); ok {
			asked, runner = asked+1, next
		}
	}
	equal(t, asked, 12)
}
