package simgithub_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

func runnerPath(id int64) string {
	return "/repos/octo/app/actions/runners/" + strconv.FormatInt(id, 10)
}

func TestFactsOfRunners(t *testing.T) {
	facts{
		// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/use-in-a-workflow,
		// actions/actions-runner-controller#2302
		"a runner needs all labels of a job, in any case, and white space counts": func(t *testing.T, w *world) {
			r := w.runner("a") // self-hosted, class:small
			never := []int64{
				w.queue(simgithub.JobSpec{Labels: []string{"self-hosted", "gpu"}}),
				w.queue(simgithub.JobSpec{Labels: []string{"self-hosted "}}),
				w.queue(simgithub.JobSpec{Repository: other}),
			}
			w.pass(time.Hour)
			same(t, "taken", len(r.jobs), 0)
			id := w.queue(simgithub.JobSpec{Labels: []string{"Class:SMALL"}})
			w.pass(time.Minute)
			sameList(t, "taken", r.jobs, id)
			for _, other := range never {
				same(t, "the others", w.job(other).Status, "queued")
			}
		},
		// the API has no job id: assignment is by labels only
		"a runner takes the oldest job that fits, whichever it was made for": func(t *testing.T, w *world) {
			first := w.queue(simgithub.JobSpec{})
			w.pass(time.Second)
			second := w.queue(simgithub.JobSpec{})
			r := w.runner("for-the-second")
			w.pass(time.Minute)
			sameList(t, "taken", r.jobs, first)
			same(t, "the second", w.job(second).Status, "queued")
		},
		// https://docs.github.com/actions/reference/runners/self-hosted-runners: 60 seconds
		"a job that is assigned and not picked up is queued again after 60 s, without a webhook": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			a := &runner{refuses: true}
			var encoded string
			a.id, encoded = w.register("a")
			w.connect(a, encoded)
			w.pass(10 * time.Second)
			same(t, "assigned", w.job(id).Assigned, true)
			b := w.runner("b")
			w.pass(45 * time.Second)
			same(t, "assigned", w.job(id).Assigned, true)
			same(t, "taken by the other", len(b.jobs), 0)
			w.pass(time.Minute)
			sameList(t, "taken by the other", b.jobs, id)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress")
			a.session.Close()
		},
		// https://docs.github.com/actions/reference/runners/self-hosted-runners#ephemeral-runners-for-autoscaling
		"an ephemeral registration is deleted after its job": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(time.Minute)
			same(t, "busy", w.Registrations()[0].Busy, true)
			r.session.Finish("success")
			w.pass(50 * time.Millisecond)
			same(t, "not at once (actions/runner#2809)", len(w.Registrations()), 1)
			w.pass(time.Minute)
			same(t, "registrations", len(w.Registrations()), 0)
			same(t, "runner", w.job(id).RunnerID, r.id)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
		},
		// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/remove-runners
		"an ephemeral registration that is offline for a day is deleted": func(t *testing.T, w *world) {
			w.register("never-connected")
			w.runner("gone").session.Close()
			w.pass(24*time.Hour - time.Minute)
			same(t, "before", len(w.Registrations()), 2)
			w.pass(2 * time.Minute)
			same(t, "after", len(w.Registrations()), 0)
		},
		"one that is online stays": func(t *testing.T, w *world) {
			w.runner("a")
			w.pass(72 * time.Hour)
			same(t, "registrations", len(w.Registrations()), 1)
		},
		// actions/actions-runner-controller#4588
		"a JIT config is good for one session": func(t *testing.T, w *world) {
			_, encoded := w.register("a")
			r := &runner{}
			w.connect(r, encoded)
			if _, err := w.Connect(encoded, simgithub.Events{}); !errors.Is(err, simgithub.ErrConflict) {
				t.Errorf("the second got %v", err)
			}
			r.session.Close()
			if _, err := w.Connect(encoded, simgithub.Events{}); !errors.Is(err, simgithub.ErrConflict) {
				t.Errorf("after the first, it got %v", err)
			}
			w.ask("DELETE", runnerPath(w.Registrations()[0].ID))
			if _, err := w.Connect(encoded, simgithub.Events{}); !errors.Is(err, simgithub.ErrGone) {
				t.Errorf("after the deletion, it got %v", err)
			}
		},
		// github-aws-runners/terraform-aws-github-runner#4613
		"a JIT config is over 4096 bytes and under 7 KB": func(t *testing.T, w *world) {
			if _, encoded := w.register("a"); len(encoded) <= 4096 || len(encoded) > 7000 {
				t.Errorf("it has %d bytes", len(encoded))
			}
		},
		// cybozu-go/meows#136
		"DELETE of a busy runner is refused with 422": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(time.Minute)
			refusal := w.ask("DELETE", runnerPath(r.id))
			same(t, "status", refusal.status, http.StatusUnprocessableEntity)
			contains(t, refusal.body, `Bad request - Runner \"a\" is still running a job`)
			same(t, "the job", w.job(id).Status, "in_progress")
		},
		"DELETE of a runner that was assigned a job is refused with 422": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{})
			r := &runner{refuses: true}
			var encoded string
			r.id, encoded = w.register("a")
			w.connect(r, encoded)
			w.pass(10 * time.Second)
			same(t, "status", w.ask("DELETE", runnerPath(r.id)).status, http.StatusUnprocessableEntity)
		},
		"DELETE of an idle runner ends its session, and a second one is 404": func(t *testing.T, w *world) {
			r := w.runner("a")
			same(t, "status", w.ask("DELETE", runnerPath(r.id)).status, http.StatusNoContent)
			w.pass(time.Second)
			same(t, "told", r.deleted, true)
			same(t, "the second", w.ask("DELETE", runnerPath(r.id)).status, http.StatusNotFound)
			w.queue(simgithub.JobSpec{})
			w.pass(time.Minute)
			same(t, "taken", len(r.jobs), 0)
		},
		// "lost communication": 10 to 20 min
		"a job whose runner vanishes fails after 10 to 20 min, and the runner is busy until then": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(time.Minute)
			r.session.Close()
			w.pass(9 * time.Minute)
			same(t, "status", w.job(id).Status, "in_progress")
			same(t, "DELETE", w.ask("DELETE", runnerPath(r.id)).status, http.StatusUnprocessableEntity)
			w.pass(12 * time.Minute)
			same(t, "conclusion", w.job(id).Conclusion, "failure")
			same(t, "registrations", len(w.Registrations()), 0)
		},
		// actions/runner: for an ephemeral runner an Acknowledge 404 ends it
		"a job that was cancelled after its assignment is not there to accept": func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := &runner{refuses: true}
			var encoded string
			r.id, encoded = w.register("a")
			w.connect(r, encoded)
			w.pass(10 * time.Second)
			w.Cancel(id)
			same(t, "accepted", r.session.Accept(), false)
			w.pass(time.Minute)
			sameList(t, "webhooks", w.sent(id), "queued", "completed")
		},
		"a runner of others that stays takes job after job": func(t *testing.T, w *world) {
			w.AddForeignRunner(app, labels)
			first := w.queue(simgithub.JobSpec{Takes: time.Minute})
			second := w.queue(simgithub.JobSpec{Takes: time.Minute})
			w.pass(10 * time.Minute)
			same(t, "first", w.job(first).Conclusion, "success")
			same(t, "second", w.job(second).Conclusion, "success")
			same(t, "registrations", len(w.Registrations()), 1)
			same(t, "foreign", w.Registrations()[0].Foreign, true)
		},
		"names are unique within a repository, and not beyond it": func(t *testing.T, w *world) {
			w.CopyNames(other, app)
			w.register("a")
			taken := w.queue(simgithub.JobSpec{Repository: other, Takes: time.Minute})
			w.pass(10 * time.Minute)
			job := w.job(taken)
			same(t, "by whom", job.RunnerName, "a")
			same(t, "foreign", job.Foreign, true)
			same(t, "conclusion", job.Conclusion, "success")
			same(t, "registrations", len(w.Registrations()), 1)
			same(t, "the one that is left", w.Registrations()[0].Foreign, false)
		},
	}.check(t)
}
