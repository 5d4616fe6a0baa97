package fleet_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var runStatuses = []fleet.RunStatus{
	fleet.RunQueued, fleet.RunWaiting, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob,
	fleet.RunRunning, fleet.RunCompleted, fleet.RunCancelled, fleet.RunFailed, fleet.RunGone, fleet.RunRefused,
}

// A row is a status, and each column in it the same statuses in the same order:
// x for a legal move. No move leads to failed: a failure of the fleet ends no run.
//
//	queued, waiting, image creating, starting, waiting for job, running | completed, cancelled, failed, gone, refused
func TestRunMoves(t *testing.T) {
	for from, row := range map[fleet.RunStatus]string{
		fleet.RunQueued:        "xxxxxx|xx.xx",
		fleet.RunWaiting:       "xxxxxx|xx.xx",
		fleet.RunImageCreating: "xxxxxx|xx.xx",
		fleet.RunStarting:      "xxxxxx|xx.xx",
		fleet.RunWaitingForJob: "xxxxxx|xx.xx",
		fleet.RunRunning:       ".....x|xx.xx",
		fleet.RunCompleted:     "......|.....",
		fleet.RunCancelled:     "......|.....",
		fleet.RunFailed:        "x....x|xx...",
		fleet.RunGone:          "x....x|xx...",
		fleet.RunRefused:       ".....x|xx...",
		"NONSENSE":             "......|.....",
	} {
		for i, to := range runStatuses {
			legal := strings.ReplaceAll(row, "|", "")[i] == 'x'
			before := fleet.Run{Status: from, Reason: "before", Rule: "a.rule"}
			want := before
			if legal {
				want = fleet.Run{Status: to, Reason: "after"}
			}
			if from.CanMove(to) != legal {
				t.Errorf("%s to %s: legal is %t", from, to, !legal)
			}
			equal(t, before.Move(to, "after"), want)
		}
	}
}

func TestWhichRunsAreOver(t *testing.T) {
	over := []fleet.RunStatus{fleet.RunCompleted, fleet.RunCancelled, fleet.RunFailed, fleet.RunGone, fleet.RunRefused}
	for _, s := range runStatuses {
		equal(t, s.Terminal(), slices.Contains(over, s))
	}
}

func TestWhichRunsAreWanted(t *testing.T) {
	wanted := []fleet.RunStatus{fleet.RunQueued, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob}
	for _, s := range runStatuses {
		equal(t, fleet.Run{Status: s}.Wanted(), slices.Contains(wanted, s))
		equal(t, fleet.Run{Status: s, RanOn: "fleet-1-1"}.Wanted(), false)
	}
}

func TestNewRun(t *testing.T) {
	created := now.Add(-time.Minute).In(time.FixedZone("", 3600))
	job := jobOf(1)
	job.CreatedAt = &created
	want := fleet.Run{
		Schema: fleet.Schema, RunID: "job-1", Job: job, Status: fleet.RunQueued,
		Times: fleet.Times{fleet.StageQueued: created.UTC(), fleet.StageReceived: now},
	}
	equal(t, fleet.NewRun(job, now), want)

	job.CreatedAt = nil // an older GitHub Enterprise Server
	equal(t, fleet.NewRun(job, now).Times, fleet.Times{fleet.StageReceived: now})
}

func TestMarkKeepsTheFirstTime(t *testing.T) {
	first := fleet.Run{}.Mark(fleet.StageClaimed, now)
	second := first.Mark(fleet.StageClaimed, now.Add(time.Hour)).Mark(fleet.StageClosed, now).Mark(fleet.StageAdmitted, time.Time{})

	equal(t, second.Times, fleet.Times{fleet.StageClaimed: now, fleet.StageClosed: now})
	equal(t, first.Times, fleet.Times{fleet.StageClaimed: now}) // what was read stays as it was
	equal(t, second.At(fleet.StageAdmitted), time.Time{})
}

func completed(conclusion string) fleet.Job {
	started, ended := now.Add(time.Minute), now.Add(2*time.Minute)
	job := jobOf(1)
	job.Status, job.Conclusion, job.StartedAt, job.CompletedAt = fleet.JobCompleted, conclusion, &started, &ended
	return job
}

func TestComplete(t *testing.T) {
	later := now.Add(time.Hour)
	queued := fleet.NewRun(jobOf(1), now)
	with := func(status fleet.RunStatus, ranOn string) fleet.Run {
		r := queued
		r.Status, r.RanOn, r.Reason = status, ranOn, "before"
		return r
	}
	waiting := with(fleet.RunQueued, "")
	waiting.WaitsForRoom = true
	for name, tc := range map[string]struct {
		run        fleet.Run
		conclusion string
		status     fleet.RunStatus
		reason     string
	}{
		"a job that succeeded":                    {with(fleet.RunRunning, "r"), "success", fleet.RunCompleted, ""},
		"a job that failed":                       {with(fleet.RunRunning, "r"), "failure", fleet.RunCompleted, ""},
		"a job that was skipped":                  {queued, "skipped", fleet.RunCompleted, ""},
		"a job cancelled before it had a runner":  {queued, "cancelled", fleet.RunCancelled, "cancelled on GitHub before a runner took it"},
		"a job cancelled on its runner":           {with(fleet.RunRunning, "r"), "cancelled", fleet.RunCancelled, "cancelled on GitHub while r ran it"},
		"a job cancelled while it waits":          {with(fleet.RunWaiting, ""), "cancelled", fleet.RunCancelled, "cancelled on GitHub before a runner took it"},
		"a run that waits for room":               {waiting, "cancelled", fleet.RunCancelled, "cancelled on GitHub before a runner took it"},
		"a run the fleet had given up":            {with(fleet.RunFailed, ""), "success", fleet.RunCompleted, ""},
		"a run the fleet had refused":             {with(fleet.RunRefused, ""), "cancelled", fleet.RunCancelled, "cancelled on GitHub before a runner took it"},
		"a job whose conclusion is not known yet": {with(fleet.RunRunning, "r"), "", fleet.RunCompleted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.run.Complete(completed(tc.conclusion), later)
			want := tc.run.Move(tc.status, tc.reason).Mark(fleet.StageClosed, later).Mark(fleet.StageJobCompleted, now.Add(2*time.Minute))
			if tc.run.RanOn != "" {
				want = want.Mark(fleet.StageJobStarted, now.Add(time.Minute))
			}
			want.WaitsForRoom, want.Conclusion = false, tc.conclusion
			want.Job.Status, want.Job.Conclusion = fleet.JobCompleted, tc.conclusion
			equal(t, got, want)
		})
	}
}

func TestCompleteTwice(t *testing.T) {
	once := fleet.NewRun(jobOf(1), now).Complete(completed("failure"), now)
	for name, again := range map[string]fleet.Job{
		"the same again":       completed("failure"),
		"a late cancellation":  completed("cancelled"),
		"another conclusion":   completed("success"),
		"no conclusion at all": completed(""),
	} {
		t.Run(name, func(t *testing.T) { equal(t, once.Complete(again, now.Add(time.Hour)), once) })
	}
}

func TestAConclusionMayComeLater(t *testing.T) {
	run := fleet.NewRun(jobOf(1), now).Complete(completed(""), now).Complete(completed("success"), now.Add(time.Hour))
	equal(t, run.Conclusion, "success")
	equal(t, run.At(fleet.StageClosed), now)
}

func TestWaitAndRequeue(t *testing.T) {
	run, _ := launched(t, jobOf(1))
	waiting := run.Wait()
	equal(t, waiting.Status, fleet.RunWaiting)
	equal(t, waiting.Wanted(), false)
	equal(t, waiting.Wait(), waiting)

	again := jobOf(1, "linux")
	queued, changed := waiting.Requeue(again, later)
	equal(t, changed, true)
	equal(t, queued.At(fleet.StageQueued), later)
	equal(t, queued.At(fleet.StageReceived), waiting.At(fleet.StageReceived))
	equal(t, queued.Status, fleet.RunQueued)
	equal(t, queued.Reason, "")
	equal(t, queued.Job, again)
	_, changed = queued.Requeue(jobOf(1), later)
	equal(t, changed, false)
}

func TestQueuedSince(t *testing.T) {
	made := now.Add(-60 * time.Hour)
	job := jobOf(1)
	job.CreatedAt = &made
	equal(t, fleet.NewRun(jobOf(1), now).QueuedSince(), now)
	equal(t, fleet.NewRun(job, now).QueuedSince(), now) // it may have waited for an approval until now
	requeued, _ := fleet.NewRun(job, made.Add(time.Second)).Wait().Requeue(job, now)
	equal(t, requeued.QueuedSince(), now)
	equal(t, fleet.Run{}.QueuedSince(), time.Time{})
}

func TestAWaitingRunWaitsForNoRoom(t *testing.T) {
	run := fleet.NewRun(jobOf(1), now)
	run.WaitsForRoom = true
	equal(t, run.Wait().WaitsForRoom, false)
}

func TestALateEventChangesNothing(t *testing.T) {
	for _, s := range runStatuses {
		run := fleet.Run{Status: s, Reason: "before"}
		if !run.Wanted() {
			equal(t, run.Wait(), run)
		}
		switch s {
		case fleet.RunWaiting, fleet.RunFailed, fleet.RunGone:
			continue
		}
		requeued, changed := run.Requeue(jobOf(2), now)
		equal(t, requeued, run)
		equal(t, changed, false)
	}
}

// The sweep's lists do not say whether a repository is internal, and a rule may depend on it.
func TestAWebhookSaysWhoSeesTheRepository(t *testing.T) {
	told := jobOf(1)
	told.Visibility = fleet.VisibilityInternal
	run := fleet.NewRun(jobOf(1), now)
	next, changed := run.Requeue(told, now)
	if !changed || next.Job.Visibility != fleet.VisibilityInternal || next.Status != run.Status {
		t.Errorf("%+v, changed %t", next, changed)
	}
	if _, again := next.Requeue(told, now); again {
		t.Error("it is written again")
	}
	if _, changed := run.Move(fleet.RunRefused, "").Requeue(told, now); changed {
		t.Error("a run that is over is written")
	}
}
