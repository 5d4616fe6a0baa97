package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const headSHA = "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11"

// refusedRun is a run as it is once its job was refused.
func refusedRun(status fleet.RefusalStatus, plan fleet.Plan, change func(*fleet.Job)) fleet.Run {
	job := fleet.Job{JobID: 7, WorkflowRunID: 1, Repository: "octo/repo", Private: true, HeadSHA: headSHA}
	change(&job)
	run := fleet.NewRun(job, now)
	run.RunnerID = "fleet-7-1"
	runner := fleet.Runner{RunnerID: run.RunnerID, RunID: run.RunID, For: run.RunID, Phase: fleet.Open}
	plan.Decision, plan.Rule, plan.Reason = fleet.Refused, "class.unknown", "no such class"
	return *fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Plan: &plan, RefusalStatus: status, Now: now}).Run
}

func TestWhichRefusalsAreShown(t *testing.T) {
	public := func(j *fleet.Job) { j.Private = false }
	same := func(*fleet.Job) {}
	const waits = "is to be shown to its developer"
	cases := map[string]struct {
		status fleet.RefusalStatus
		plan   fleet.Plan
		job    func(*fleet.Job)
		want   string
	}{
		"of a private repository":                        {job: same, want: waits},
		"of a private one, if it is said":                {status: fleet.RefusalStatusPrivate, job: same, want: waits},
		"of a private one, always":                       {status: fleet.RefusalStatusAlways, job: same, want: waits},
		"of a private one, never":                        {status: fleet.RefusalStatusNever, job: same},
		"of a public one":                                {job: public, want: "could not be shown: its repository is public, and refusal_status is not always"},
		"of a public one, if it is said":                 {status: fleet.RefusalStatusPrivate, job: public, want: "could not be shown: its repository is public, and refusal_status is not always"},
		"of a public one, always":                        {status: fleet.RefusalStatusAlways, job: public, want: waits},
		"of a public one, never":                         {status: fleet.RefusalStatusNever, job: public},
		"of a job without a commit":                      {job: func(j *fleet.Job) { j.HeadSHA = "" }, want: "could not be shown: its commit is not known"},
		"of a job without a workflow run":                {job: func(j *fleet.Job) { j.WorkflowRunID = 0 }, want: "could not be shown: its commit is not known"},
		"of a job that is somebody else's by its labels": {plan: fleet.Plan{NotOurs: true}, job: same},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run := refusedRun(c.status, c.plan, c.job)
			if run.Status != fleet.RunRefused || run.Notice.String() != c.want {
				t.Errorf("%s: %q, want %q", run.Status, run.Notice, c.want)
			}
			list, order := run.WaitList()
			if due := list == fleet.NoticeList && order == fleet.TimeOrder(now); due != (c.want == waits) || due != run.Notice.Due(now) {
				t.Errorf("it waits in %q by %q, due %t", list, order, run.Notice.Due(now))
			}
		})
	}
}

// A refusal is of a run that the fleet may go on with: what it waited for room for is not
// lost, and a settled one stays as it is.
func TestANoticeIsSettledOnce(t *testing.T) {
	run := refusedRun("", fleet.Plan{}, func(*fleet.Job) {})
	later := now.Add(time.Minute)
	run, changed := run.Noticed(fleet.Notice{NextTry: later, Why: "GitHub is down"})
	if !changed || run.Notice.Due(now) || !run.Notice.Due(later) || run.Notice.Reason != "no such class" || run.Notice.Rule != "class.unknown" {
		t.Errorf("put off it is %+v", run.Notice)
	}
	if _, order := run.WaitList(); order != fleet.TimeOrder(later) {
		t.Errorf("it waits until %s", order)
	}
	if got, want := run.Notice.String(), "is to be shown to its developer; not yet: GitHub is down"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	run, _ = run.Noticed(fleet.Notice{As: "a failed commit status", Of: "job-6"})
	if list, _ := run.WaitList(); list != "" || run.Notice.Due(later) {
		t.Errorf("shown, it waits in %q", list)
	}
	if got, want := run.Notice.String(), "shown to its developer as a failed commit status"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, changed := run.Noticed(fleet.Notice{Why: "late"}); changed {
		t.Error("what was settled changes")
	}
	if _, changed := fleet.NewRun(fleet.Job{JobID: 8}, now).Noticed(fleet.Notice{Why: "late"}); changed {
		t.Error("a run that was not refused gets a notice")
	}
}

func TestNoticeOfACancelledRun(t *testing.T) {
	run := refusedRun("", fleet.Plan{}, func(*fleet.Job) {})
	ended := run.Complete(fleet.Job{JobID: 7, Status: fleet.JobCompleted, Conclusion: "cancelled"}, now.Add(time.Minute))
	if list, _ := ended.WaitList(); ended.Status != fleet.RunCancelled || list != fleet.NoticeList || !strings.Contains(ended.Notice.Reason, "no such class") {
		t.Errorf("%s in list %q, to be shown: %+v", ended.Status, list, ended.Notice)
	}
}
