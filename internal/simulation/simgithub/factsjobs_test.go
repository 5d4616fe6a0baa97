package simgithub_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

func TestFactsOfTheQueue(t *testing.T) {
	facts{
		// runs-on/runs-on#452, #347
		"queued is sent once, also for jobs that max-parallel holds": func(t *testing.T, w *world) {
			run := w.NewRun(app)
			first := w.queue(simgithub.JobSpec{RunID: run, MaxParallel: 1})
			second := w.queue(simgithub.JobSpec{RunID: run})
			r := w.runner("a")
			w.pass(time.Minute)
			sameList(t, "taken", r.jobs, first)
			same(t, "held", w.job(second).Held, "max-parallel")
			same(t, "REST says", w.rest(second).Status, "queued")
			w.runner("b")
			w.pass(time.Hour)
			same(t, "the other runner got", w.job(second).Status, "queued")
			r.session.Finish("success")
			w.pass(time.Minute)
			same(t, "after the first", w.job(second).Status, "in_progress")
			sameList(t, "webhooks", w.sent(second), "queued", "in_progress")
		},
		// https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
		"a job that a concurrency group holds is pending, and no webhook says that it may start": func(t *testing.T, w *world) {
			first := w.queue(simgithub.JobSpec{Concurrency: "deploy"})
			second := w.queue(simgithub.JobSpec{Concurrency: "deploy"})
			w.pass(time.Minute)
			same(t, "first", w.rest(first).Status, "queued")
			same(t, "second", w.rest(second).Status, "pending")
			sameList(t, "webhooks", w.sent(second), "queued")
			same(t, "its webhook's status", w.got[1].Job.Status, "queued")
			w.Cancel(first)
			w.pass(time.Minute)
			same(t, "second after the first", w.rest(second).Status, "queued")
			sameList(t, "webhooks", w.sent(second), "queued")
		},
		// the same page: "Any existing pending job … will be canceled"
		"a concurrency group has one pending job": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{Concurrency: "deploy"})
			second := w.queue(simgithub.JobSpec{Concurrency: "deploy"})
			third := w.queue(simgithub.JobSpec{Concurrency: "deploy"})
			elsewhere := w.queue(simgithub.JobSpec{Repository: other, Concurrency: "deploy"})
			same(t, "second", w.job(second).Conclusion, "cancelled")
			same(t, "third", w.job(third).Status, "pending")
			same(t, "another repository's", w.job(elsewhere).Status, "queued")
		},
		// runs-on/runs-on#539
		"an environment sends queued, waiting and queued again, and created_at stays": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Environment: true})
			r := w.runner("a")
			w.pass(time.Hour)
			sameList(t, "before the approval", w.sent(id), "queued", "waiting")
			same(t, "status of the first", w.got[0].Job.Status, "waiting")
			same(t, "REST says", w.rest(id).Status, "waiting")
			same(t, "taken", len(r.jobs), 0)
			same(t, "approved", w.Approve(id), true)
			same(t, "approved twice", w.Approve(id), false)
			w.pass(time.Minute)
			sameList(t, "after it", w.sent(id), "queued", "waiting", "queued", "in_progress")
			last := w.got[2]
			same(t, "its status", last.Job.Status, "queued")
			same(t, "created_at", last.Job.CreatedAt, w.got[0].Job.CreatedAt)
			same(t, "started_at", last.Job.StartedAt, w.got[0].Job.StartedAt)
			sameList(t, "taken", r.jobs, id)
		},
		// facts of the payload: started_at is set even while queued
		"started_at is set while the job is queued": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(time.Minute)
			same(t, "started_at", w.got[0].Job.StartedAt, w.got[0].Job.CreatedAt)
			same(t, "in REST", w.rest(id).StartedAt.Equal(w.rest(id).CreatedAt), true)
		},
		// actions/actions-runner-controller#2520
		"cancelled before its start a job has runner 0 and no steps": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.Cancel(id)
			w.pass(time.Minute)
			sameList(t, "webhooks", w.sent(id), "queued", "completed")
			said := w.got[1].Job
			same(t, "conclusion", said.Conclusion, "cancelled")
			if said.RunnerID == nil || *said.RunnerID != 0 || said.RunnerName != "" || said.Steps == nil || len(said.Steps) != 0 {
				t.Errorf("the webhook says %s", w.got[1].body)
			}
		},
		// https://docs.github.com/actions/reference/limits
		"a job gives up after 24 h in the queue": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(24*time.Hour - time.Second)
			same(t, "before", w.job(id).Status, "queued")
			w.pass(2 * time.Second)
			same(t, "after", w.job(id).Conclusion, "cancelled")
		},
		"a runner that lets a job lie does not prolong that": func(t *testing.T, w *world) {
			w.pass(time.Minute)
			id := w.queue(simgithub.JobSpec{})
			for i := range 3 {
				w.pass(6 * time.Hour)
				r := &runner{refuses: true}
				_, encoded := w.register(fmt.Sprint("r", i))
				w.connect(r, encoded)
				w.pass(2 * time.Minute)
				r.session.Close()
			}
			w.pass(6*time.Hour - 10*time.Minute)
			same(t, "before", w.job(id).Status, "queued")
			w.pass(5 * time.Minute)
			same(t, "after", w.job(id).Conclusion, "cancelled")
		},
		"a job that is not approved within 30 days fails": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Environment: true})
			w.pass(30*24*time.Hour - time.Minute)
			same(t, "before", w.job(id).Status, "waiting")
			w.pass(2 * time.Minute)
			same(t, "after", w.job(id).Conclusion, "failure")
			same(t, "approved", w.Approve(id), false)
		},
		"a job that runs for 5 days is cancelled": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(5*24*time.Hour - time.Minute)
			same(t, "before", w.job(id).Status, "in_progress")
			w.pass(2 * time.Minute)
			sameList(t, "told", r.cancelled, id)
			r.session.Finish("cancelled")
			same(t, "after", w.job(id).Conclusion, "cancelled")
		},
		"an approved job has its 24 h from then": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Environment: true})
			w.pass(48 * time.Hour)
			w.Approve(id)
			w.pass(23 * time.Hour)
			same(t, "status", w.job(id).Status, "queued")
		},
		// https://docs.github.com/actions/managing-workflow-runs/re-running-workflows-and-jobs, cli/cli#9221
		"a re-run has new jobs, the next attempt and an active run again": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			run := w.job(id).RunID
			same(t, "re-run of an active run", len(w.Rerun(run)), 0)
			w.Cancel(id)
			same(t, "over", w.job(id).RunOver, true)
			again := w.Rerun(run)
			same(t, "jobs", len(again), 1)
			j := w.job(again[0])
			if again[0] == id || j.RunID != run || j.Attempt != 2 || j.RunOver || j.Status != "queued" {
				t.Errorf("the job of the re-run is %+v", j)
			}
			w.pass(time.Minute)
			same(t, "attempt in the webhook", w.got[len(w.got)-1].Job.RunAttempt, 2)
			same(t, "the first attempt", w.rest(id).Conclusion, "cancelled")
		},
		// https://docs.github.com/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run, cli/cli#9221
		"a re-run of failed jobs leaves the others out, and waits for the end": func(t *testing.T, w *world) {
			failed := w.queue(simgithub.JobSpec{Name: "failed"})
			run := w.job(failed).RunID
			well := w.queue(simgithub.JobSpec{Name: "well", RunID: run})
			path := fmt.Sprintf("/repos/octo/app/actions/runs/%d/rerun-failed-jobs", run)
			a, b := w.runner("a"), w.runner("b")
			w.pass(time.Minute)
			same(t, "while it goes on", fmt.Sprint(w.many(1, "POST", path, "")), "map[403:1]")
			for _, r := range []*runner{a, b} {
				conclusion := "success"
				if r.jobs[0] == failed {
					conclusion = "failure"
				}
				r.session.Finish(conclusion)
			}
			same(t, "once it has ended", fmt.Sprint(w.many(1, "POST", path, "")), "map[201:1]")
			same(t, "at once again", fmt.Sprint(w.many(1, "POST", path, "")), "map[403:1]")
			jobs := w.Jobs()
			last := jobs[len(jobs)-1]
			same(t, "jobs", len(jobs), 3)
			same(t, "again", fmt.Sprint(last.Name, last.Attempt, last.RunID == run, last.Status), "failed2 truequeued")
			same(t, "the other one", w.rest(well).Conclusion, "success")
			same(t, "of none", fmt.Sprint(w.many(1, "POST", "/repos/octo/app/actions/runs/1/rerun-failed-jobs", "")), "map[404:1]")
		},
		// https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation
		"a cancelled job is ended by its runner, or by GitHub after five minutes": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(time.Minute)
			w.Cancel(id)
			w.pass(5*time.Minute - time.Second)
			sameList(t, "told", r.cancelled, id)
			same(t, "before", w.job(id).Status, "in_progress")
			w.pass(2 * time.Second)
			same(t, "after", w.job(id).Conclusion, "cancelled")
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress")
			w.pass(time.Minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
		},
		"a hosted job is taken by a runner of GitHub's": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Hosted: true, Labels: []string{"ubuntu-latest"}, Takes: time.Minute})
			w.pass(2 * time.Minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
			same(t, "conclusion", w.job(id).Conclusion, "success")
			same(t, "registrations", len(w.Registrations()), 0)
		},
		"CancelRun ends every job of the run": func(t *testing.T, w *world) {
			run := w.NewRun(app)
			first := w.queue(simgithub.JobSpec{RunID: run, MaxParallel: 1})
			second := w.queue(simgithub.JobSpec{RunID: run})
			w.CancelRun(run)
			same(t, "first", w.job(first).Conclusion, "cancelled")
			same(t, "second", w.job(second).Conclusion, "cancelled")
			same(t, "over", w.job(second).RunOver, true)
		},
	}.check(t)
}
