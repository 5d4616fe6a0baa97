package fleet_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// interrupted is the run of a job whose runner Spot took back, and the runner, as they are
// once the runner has closed.
func interrupted(id int64) (fleet.Run, fleet.Runner) {
	job := fleet.Job{JobID: id, WorkflowRunID: 1, RunAttempt: 1, Repository: "octo/repo", Name: "build", Status: fleet.JobInProgress}
	run := fleet.NewRun(job, now)
	runner := fleet.Runner{
		RunnerID: fleet.RunnerID("fleet", id, 1), RunID: run.RunID, For: run.RunID, Phase: fleet.Open, Took: id,
		TaskStatus: fleet.TaskStopped, StopCode: fleet.StopSpotInterruption, StoppingAt: now,
	}
	run.Status, run.RunnerID, run.RanOn = fleet.RunRunning, runner.RunnerID, runner.RunnerID
	closed := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, SpotRetry: 1, Now: now})
	return *closed.Run, closed.Runner
}

func ended(job fleet.Job, conclusion string, at time.Time) fleet.Job {
	job.Status, job.Conclusion, job.CompletedAt = fleet.JobCompleted, conclusion, &at
	return job
}

func TestWhichRunsMayRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		spotRetry int
		change    func(*fleet.Run, *fleet.Runner)
		want      bool
	}{
		"Spot took its runner back":   {1, func(*fleet.Run, *fleet.Runner) {}, true},
		"spot_retry is off":           {0, func(*fleet.Run, *fleet.Runner) {}, false},
		"its program ended by itself": {1, func(_ *fleet.Run, r *fleet.Runner) { r.StopCode = fleet.StopEssentialContainerExited }, false},
		"the fleet stopped its task":  {1, func(_ *fleet.Run, r *fleet.Runner) { r.StopCode = fleet.StopUserInitiated }, false},
		"its reason speaks of Spot, but no code": {1, func(_ *fleet.Run, r *fleet.Runner) {
			r.StopCode, r.StoppedReason = "", "Your Spot Task was interrupted."
		}, false},
		"it had no job": {1, func(_ *fleet.Run, r *fleet.Runner) { r.Took = 0 }, false},
		"the job has run on another runner since":  {1, func(run *fleet.Run, _ *fleet.Runner) { run.RanOn = "fleet-7-2" }, false},
		"the job ended well all the same":          {1, func(run *fleet.Run, _ *fleet.Runner) { *run = run.Complete(ended(run.Job, "success", now), now) }, false},
		"GitHub has reported that it failed":       {1, func(run *fleet.Run, _ *fleet.Runner) { *run = run.Complete(ended(run.Job, "failure", now), now) }, true},
		"a job of which nobody knows where it was": {1, func(run *fleet.Run, _ *fleet.Runner) { run.Job.WorkflowRunID = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			run, runner := interrupted(7)
			run.Rerun, runner.Phase = nil, fleet.Open
			c.change(&run, &runner)
			run = *fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, SpotRetry: c.spotRetry, Now: now}).Run
			if run.Rerun.Due(now) != c.want {
				t.Errorf("it is %q", run.Rerun)
			}
			if run.Status == fleet.RunRunning {
				run = run.Complete(ended(run.Job, "cancelled", now), now)
			}
			if list, _ := run.WaitList(); (list == fleet.RerunList) != c.want {
				t.Errorf("it waits in %q", list)
			}
		})
	}
}

func TestAJobThatGitHubTakesBackIsNotRunAgain(t *testing.T) {
	run, _ := interrupted(7)
	if run = run.TakeBack(now); run.Rerun != nil {
		t.Errorf("it is %q", run.Rerun)
	}
}

func TestJudgeRerun(t *testing.T) {
	type change func(*fleet.EndedJob)
	as := func(conclusion string) change {
		return func(j *fleet.EndedJob) { j.Job = ended(j.Job, conclusion, now.Add(time.Second)) }
	}
	notSpot := func(j *fleet.EndedJob) { j.Runner.StopCode = fleet.StopEssentialContainerExited }
	theirs := func(j *fleet.EndedJob) { j.Run, j.Runner = nil, nil }
	with := func(all ...change) change {
		return func(j *fleet.EndedJob) {
			for _, c := range all {
				c(j)
			}
		}
	}
	for name, c := range map[string]struct {
		jobs []change
		want string // "wait", "no", or the runs
	}{
		"one that Spot took, beside one that ended well":        {[]change{as("cancelled"), as("success")}, "job-1"},
		"two that Spot took":                                    {[]change{as("cancelled"), as("failure")}, "job-1 job-2"},
		"beside skipped and neutral ones of others":             {[]change{as("failure"), with(as("skipped"), theirs), with(as("neutral"), theirs)}, "job-1"},
		"beside one that failed by itself":                      {[]change{as("cancelled"), with(as("failure"), notSpot)}, "no"},
		"beside one that a person cancelled":                    {[]change{as("cancelled"), with(as("cancelled"), notSpot)}, "no"},
		"beside one of others that failed":                      {[]change{as("cancelled"), with(as("failure"), theirs)}, "no"},
		"beside one of others that timed out":                   {[]change{as("cancelled"), with(as("timed_out"), theirs)}, "no"},
		"beside one that waited for a runner and was cancelled": {[]change{as("cancelled"), with(as("cancelled"), func(j *fleet.EndedJob) { j.Runner = nil })}, "no"},
		"one that a person cancelled before Spot took the task": {[]change{func(j *fleet.EndedJob) { j.Job = ended(j.Job, "cancelled", now.Add(-time.Second)) }}, "no"},
		"one that ended in the second in which Spot took it":    {[]change{func(j *fleet.EndedJob) { j.Job = ended(j.Job, "cancelled", now.Truncate(time.Second)) }}, "job-1"},
		"one whose end has no time":                             {[]change{with(as("failure"), func(j *fleet.EndedJob) { j.Job.CompletedAt = nil })}, "job-1"},
		"a runner that had another job":                         {[]change{with(as("failure"), func(j *fleet.EndedJob) { j.Runner.Took = 99 })}, "no"},
		"one whose runner has not closed":                       {[]change{as("cancelled"), with(as("cancelled"), notSpot, func(j *fleet.EndedJob) { j.Runner.Phase = fleet.Open })}, "wait"},
		"one whose runner has not closed, beside one of others": {[]change{with(as("cancelled"), notSpot, func(j *fleet.EndedJob) { j.Runner.Phase = fleet.Open }), with(as("failure"), theirs)}, "no"},
		"one whose record does not know of its end":             {[]change{with(as("cancelled"), notSpot, func(j *fleet.EndedJob) { j.Run.Status = fleet.RunRunning })}, "wait"},
		"one that GitHub's list has not ended yet":              {[]change{as("cancelled"), func(j *fleet.EndedJob) { j.Job.Status = fleet.JobQueued }}, "wait"},
		"none that failed":                                      {[]change{as("success")}, "no"},
		"none at all":                                           {nil, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			var jobs []fleet.EndedJob
			for i, change := range c.jobs {
				run, runner := interrupted(int64(i + 1))
				run = run.Complete(ended(run.Job, "cancelled", now), now)
				j := fleet.EndedJob{Job: run.Job, Run: &run, Runner: &runner}
				change(&j)
				jobs = append(jobs, j)
			}
			v := fleet.JudgeRerun(jobs)
			got := strings.Join(v.Interrupted, " ")
			switch {
			case v.No != "":
				got = "no"
			case v.Wait != "":
				got = "wait"
			}
			if got != c.want {
				t.Errorf("%+v, want %s", v, c.want)
			}
		})
	}
}

// A workflow run is run again once, whatever the attempt, and whoever looks.
func TestRerunsBegin(t *testing.T) {
	run, _ := interrupted(7)
	second := run
	second.Job.RunAttempt = 2
	begun, asked, _ := fleet.Reruns{}.Begin(run, 1, now)
	if asked == nil || asked.Tries != 1 {
		t.Fatalf("the first begins as %+v", asked)
	}
	unclear, _ := begun.End(*asked, fleet.Errorf(fleet.GitHubUnavailable, "502"), now)
	done, _ := begun.End(*asked, nil, now)
	refused, _ := begun.End(*asked, fleet.Errorf(fleet.GitHubNoAccess, "403"), now)
	later := now.Add(time.Hour)
	for name, c := range map[string]struct {
		reruns fleet.Reruns
		run    fleet.Run
		latest int
		at     time.Time
		tries  int    // 0 is that it does not begin
		says   string // the rerun, if it does not begin
	}{
		"while another one asks":                      {begun, run, 1, now.Add(5*time.Minute - 1), 0, "not yet: "},
		"after another one died":                      {begun, run, 1, now.Add(5 * time.Minute), 2, ""},
		"after another one died who was heard":        {begun, run, 2, now.Add(time.Minute), 0, "the fleet had GitHub run"},
		"after an answer that nobody heard":           {unclear, run, 1, later, 2, ""},
		"after one that was heard all the same":       {unclear, run, 2, later, 0, "the fleet had GitHub run"},
		"of a job that runs again":                    {done, run, 2, later, 0, "the fleet had GitHub run"},
		"of a job that ran again and was interrupted": {done, second, 2, later, 0, "run again once already"},
		"of a job that a person ran again after that": {done, second, 3, later, 0, "run again once already"},
		"after GitHub refused":                        {refused, run, 1, later, 0, "GitHub.NoAccess: 403"},
		"after GitHub refused and a person did it":    {refused, run, 2, later, 0, "GitHub.NoAccess: 403"},
		"after a person did it":                       {fleet.Reruns{}, run, 2, later, 0, "was run again already"},
		"of a second attempt that a person made":      {fleet.Reruns{}, second, 2, later, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, asked, rerun := c.reruns.Begin(c.run, c.latest, c.at)
			switch {
			case (asked != nil) != (c.tries > 0), asked != nil && asked.Tries != c.tries:
				t.Errorf("it begins as %+v", asked)
			case asked == nil && !strings.Contains(rerun.String(), c.says):
				t.Errorf("%q, want %q", &rerun, c.says)
			}
		})
	}
}

func TestRerunsEnd(t *testing.T) {
	run, _ := interrupted(7)
	for name, c := range map[string]struct {
		failed error
		after  time.Duration
		pause  time.Duration // 0 is never again
		says   string
	}{
		"GitHub runs them again":         {nil, 0, 0, "the fleet had GitHub run"},
		"the token may not":              {fleet.Errorf(fleet.GitHubNoAccess, "403"), 0, 0, "GitHub.NoAccess: 403"},
		"the token does not see it":      {fleet.Errorf(fleet.GitHubNotFound, "404"), 0, 0, "GitHub.NotFound: 404"},
		"GitHub is down":                 {fleet.Errorf(fleet.GitHubUnavailable, "502"), 0, time.Minute, "not yet: GitHub.Unavailable: 502"},
		"GitHub limits our rate":         {waits{fleet.GitHubRateLimited, 7 * time.Minute}, 0, 7 * time.Minute, "not yet: GitHub.RateLimited: waits"},
		"the token is not accepted":      {fleet.Errorf(fleet.GitHubUnauthorized, "401"), 0, time.Minute, "not yet: GitHub.Unauthorized: 401"},
		"something broke":                {errors.New("x"), 0, time.Minute, "not yet: "},
		"GitHub has been down for a day": {fleet.Errorf(fleet.GitHubUnavailable, "502"), 25 * time.Hour, 0, "502; given up after a day"},
	} {
		t.Run(name, func(t *testing.T) {
			begun, asked, _ := fleet.Reruns{}.Begin(run, 1, now)
			_, rerun := begun.End(*asked, c.failed, now.Add(c.after))
			want := time.Time{}
			if c.pause > 0 {
				want = now.Add(c.pause)
			}
			if !rerun.NextTry.Equal(want) || !strings.Contains(rerun.String(), c.says) {
				t.Errorf("%q, next at %s", &rerun, rerun.NextTry)
			}
		})
	}
}

func TestAWorkflowRunThatGoesOnIsLookedAtRarely(t *testing.T) {
	run, _ := interrupted(7)
	run = run.Complete(ended(run.Job, "cancelled", now), now)
	at, looks := now, 0
	for ; !run.Rerun.NextTry.IsZero(); looks++ {
		one := run.RerunLater("it goes on", 0, at)
		run, _ = run.Reran(one)
		at = one.NextTry
	}
	if looks < 330 || looks > 350 || !strings.HasSuffix(run.Rerun.Why, "given up after a week") {
		t.Errorf("%d looks: %q", looks, run.Rerun)
	}
	if again, changed := run.Reran(fleet.Rerun{At: now}); changed || again.Rerun.Why != run.Rerun.Why {
		t.Error("what was settled changes")
	}
}

func TestOldRerunsAreForgotten(t *testing.T) {
	r := fleet.Reruns{}
	for id := range int64(1200) {
		run, _ := interrupted(7)
		run.Job.WorkflowRunID = id + 1
		next, asked, _ := r.Begin(run, 1, now)
		r, _ = next.End(*asked, nil, now)
	}
	run, _ := interrupted(7)
	run.Job.WorkflowRunID = 9999
	if r, _, _ = r.Begin(run, 1, now); len(r.Asked) > 1001 {
		t.Errorf("%d are kept", len(r.Asked))
	}
	if r, _, _ = r.Begin(run, 1, now.Add(36*24*time.Hour)); len(r.Asked) != 1 {
		t.Errorf("%d are kept after a month", len(r.Asked))
	}
	for _, text := range []string{"", "nonsense", "[]"} {
		if len(fleet.ReadReruns(text).Asked) > 0 {
			t.Errorf("of %q", text)
		}
	}
}

// A job that runs again gets capacity that is not taken back.
func TestASecondAttemptIsOnDemand(t *testing.T) {
	policy := fleet.Policy{
		FleetName: "fleet", Repositories: []string{"octo/repo"}, DefaultClass: "small", BaseImage: "v1", MaxRunners: 5, SpotRetry: 1,
		Classes: map[string]fleet.Class{"small": {CPU: 1024, Memory: 2048}, "spot": {CPU: 1024, Memory: 2048, Spot: true}},
	}
	for name, c := range map[string]struct {
		retry, attempt int
		label          string
		want           fleet.CapacityProvider
	}{
		"a first attempt":             {1, 1, "class:spot", fleet.FargateSpot},
		"a second one":                {1, 2, "class:spot", fleet.Fargate},
		"a third one":                 {1, 3, "class:spot", fleet.Fargate},
		"a second one without retry":  {0, 2, "class:spot", fleet.FargateSpot},
		"an old server's":             {1, 0, "class:spot", fleet.FargateSpot},
		"a second one without Spot":   {1, 2, "class:small", fleet.Fargate},
		"a first attempt without one": {1, 1, "class:small", fleet.Fargate},
	} {
		t.Run(name, func(t *testing.T) {
			policy.SpotRetry = c.retry
			job := fleet.Job{JobID: 7, RunAttempt: c.attempt, Repository: "octo/repo", Private: true, Labels: []string{"self-hosted", c.label}}
			decision := policy.Admit(job)
			run := fleet.NewRun(job, now).Want(decision.Wants())
			launched := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 5, Run: run, Now: now})
			if len(launched.Changes.Runners) != 1 {
				t.Fatalf("it is not launched: %s", launched.Reason)
			}
			runner := launched.Changes.Runners[0]
			if got := decision.Size.CapacityProvider(runner.Rung); got != c.want {
				t.Errorf("it runs on %s, want %s", got, c.want)
			}
			runner.Phase = fleet.Open
			set := fleet.Close(fleet.CloseFacts{Runner: runner, Run: &launched.Changes.Runs[0], Error: fleet.RunnerNoCapacity, Cause: "no room", Now: now})
			for _, h := range set.Changes.Holds {
				if h.Kind == fleet.SetbackCapacity && run.FirstRung > 0 && strings.HasSuffix(h.Key, "0") {
					t.Errorf("it holds %s, where it was not launched", h.Key)
				}
			}
		})
	}
}
