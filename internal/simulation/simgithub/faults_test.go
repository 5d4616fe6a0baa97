package simgithub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

// strikes is one fault, what it does, and the words of the trace that say so.
type strikes struct {
	fault kernel.Fault
	says  string
	shows func(t *testing.T, w *world)
}

func TestFaults(t *testing.T) {
	const minute = time.Minute
	tested := map[string]bool{}
	for sentence, test := range map[string]strikes{
		"a lost webhook is not in the log": {kernel.Fault{Kind: simgithub.WebhookLost, Of: "queued " + app}, "never made", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.Cancel(id)
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "completed")
			same(t, "in the log", len(w.deliveries()), 1)
		}},
		"a webhook that failed is in the log and can be repeated": {kernel.Fault{Kind: simgithub.WebhookLost, With: "502"}, "is lost", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(minute)
			same(t, "webhooks", len(w.sent(id)), 0)
			same(t, "status", w.deliveries()[0].Status, 502)
			if err := w.redeliver(w.deliveries()[0].ID); err != nil {
				t.Fatal(err)
			}
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "queued")
		}},
		"a doubled webhook comes twice under one GUID": {kernel.Fault{Kind: simgithub.WebhookDoubled}, "comes twice", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "queued", "queued")
			same(t, "GUID", w.got[0].header.Get("X-GitHub-Delivery"), w.got[1].header.Get("X-GitHub-Delivery"))
		}},
		"a late webhook comes later": {kernel.Fault{Kind: simgithub.WebhookLate, For: duration(time.Hour)}, "comes 1h0m0s late", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.pass(59 * minute)
			same(t, "webhooks", len(w.sent(id)), 0)
			w.pass(2 * minute)
			sameList(t, "webhooks", w.sent(id), "queued")
		}},
		"a reordered webhook is overtaken": {kernel.Fault{Kind: simgithub.WebhookReordered, Times: 1}, "may overtake queued of job", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Environment: true})
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "waiting", "queued")
		}},
		"in_progress alone is lost": {kernel.Fault{Kind: simgithub.InProgressLost}, "is never sent", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(minute)
			r.session.Finish("success")
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "queued", "completed")
		}},
		"a job is completed early, and its runner stays busy": {kernel.Fault{Kind: simgithub.CompletedEarly}, "though it runs", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(2 * minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
			same(t, "REST says", w.rest(id).Status, "completed")
			same(t, "running", w.job(id).Running, true)
			same(t, "DELETE", w.ask("DELETE", runnerPath(r.id)).status, http.StatusUnprocessableEntity)
			r.session.Finish("success")
			w.pass(minute)
			same(t, "running", w.job(id).Running, false)
			same(t, "conclusion", w.job(id).Conclusion, "failure")
			same(t, "webhooks", len(w.sent(id)), 3)
			same(t, "registrations", len(w.Registrations()), 0)
		}},
		"only the webhook says completed": {kernel.Fault{Kind: simgithub.CompletedEarly, With: "webhook"}, "though it runs", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(2 * minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
			same(t, "REST says", w.rest(id).Status, "in_progress")
			r.session.Finish("success")
			w.pass(minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed", "completed")
			same(t, "conclusion", w.job(id).Conclusion, "success")
		}},
		"GitHub is down": {kernel.Fault{Kind: simgithub.Down, Until: duration(minute)}, "GitHub is down", func(t *testing.T, w *world) {
			if r := w.ask("GET", listRunners); r.err == nil {
				t.Error("it is not")
			}
			if _, err := w.Connect("x", simgithub.Events{}); !errors.Is(err, simgithub.ErrUnreachable) {
				t.Errorf("a runner gets %v", err)
			}
			w.pass(minute)
			same(t, "later", w.ask("GET", listRunners).status, http.StatusOK)
		}},
		"a proxy says that GitHub is down": {kernel.Fault{Kind: simgithub.Down, With: "502"}, "GitHub is down", func(t *testing.T, w *world) {
			r := w.ask("GET", listRunners)
			same(t, "status", r.status, http.StatusBadGateway)
			contains(t, r.body, "<html>")
		}},
		"GitHub is slow": {kernel.Fault{Kind: simgithub.Slow, For: duration(10 * time.Second)}, "takes 10s", func(t *testing.T, w *world) {
			before := w.k.Now()
			same(t, "status", w.ask("GET", listRunners).status, http.StatusOK)
			if took := w.k.Now().Sub(before); took < 10*time.Second || took > 11*time.Second {
				t.Errorf("it took %s", took)
			}
		}},
		"a client loses patience, and what it asked for is done": {kernel.Fault{Kind: simgithub.Slow, For: duration(minute)}, "takes 1m0s", func(t *testing.T, w *world) {
			before := w.k.Now()
			w.do(func() {
				if r := w.askNow("POST", jitConfig, registration("a")); r.err == nil {
					t.Errorf("it got %d", r.status)
				}
			})
			if took := w.k.Now().Sub(before); took < 15*time.Second || took > 16*time.Second {
				t.Errorf("it took %s", took)
			}
			same(t, "registrations", len(w.Registrations()), 1)
		}},
		"GitHub refuses and does nothing": {kernel.Fault{Kind: simgithub.Answers, Of: "github.generate_jitconfig", With: "503", Times: 1, For: duration(minute)}, "answers github.generate_jitconfig with 503", func(t *testing.T, w *world) {
			same(t, "others", w.ask("GET", listRunners).status, http.StatusOK)
			w.do(func() {
				_, _, err := w.fleet().Register(context.Background(), app, "a", labels)
				same(t, "error", name(err), fleet.GitHubUnavailable)
				contains(t, fmt.Sprint(err), "retry after 1m0s")
			})
			same(t, "registrations", len(w.Registrations()), 0)
			w.register("a")
		}},
		"the answer is lost and the registration is there": {kernel.Fault{Kind: simgithub.AnswerLost, Of: "github.generate_jitconfig", Times: 1}, "the answer 201 to github.generate_jitconfig is lost", func(t *testing.T, w *world) {
			w.do(func() {
				_, _, err := w.fleet().Register(context.Background(), app, "a", labels)
				same(t, "error", name(err), fleet.GitHubUnavailable)
				_, _, err = w.fleet().Register(context.Background(), app, "a", labels)
				same(t, "error", name(err), fleet.GitHubConflict)
			})
			same(t, "registrations", len(w.Registrations()), 1)
		}},
		"a token is revoked": {kernel.Fault{Kind: simgithub.TokenRevoked, Of: "fleet", Until: duration(minute)}, "token that is not valid", func(t *testing.T, w *world) {
			same(t, "status", w.ask("GET", listRunners).status, http.StatusUnauthorized)
			w.pass(minute)
			same(t, "later", w.ask("GET", listRunners).status, http.StatusOK)
		}},
		"a list lags": {kernel.Fault{Kind: simgithub.ListLags, Of: "github.run", For: duration(minute)}, "shows how it was 1m0s ago", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			jobs := fmt.Sprintf("/repos/octo/app/actions/runs/%d/jobs", w.job(id).RunID)
			const queued = "/repos/octo/app/actions/runs?status=queued"
			contains(t, w.ask("GET", queued).body, `"total_count":0`)
			w.pass(2 * minute)
			w.Cancel(id)
			contains(t, w.ask("GET", queued).body, `"total_count":1`)
			contains(t, w.ask("GET", jobs).body, `"status":"queued"`)
			same(t, "the job itself", w.rest(id).Status, "completed")
			r := w.runner("a")
			contains(t, w.ask("GET", listRunners).body, `"total_count":0`)
			w.pass(2 * minute)
			w.ask("DELETE", runnerPath(r.id))
			contains(t, w.ask("GET", listRunners).body, `"total_count":1`)
			w.pass(2 * minute)
			contains(t, w.ask("GET", listRunners).body, `"total_count":0`)
			contains(t, w.ask("GET", queued).body, `"total_count":0`)
		}},
		"busy lies": {kernel.Fault{Kind: simgithub.BusyLies, Of: app}, "as not busy, though it is", func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(minute)
			contains(t, w.ask("GET", listRunners).body, `"busy":false`)
			contains(t, w.ask("GET", runnerPath(r.id)).body, `"busy":false`)
			same(t, "DELETE", w.ask("DELETE", runnerPath(r.id)).status, http.StatusUnprocessableEntity)
		}},
		"a job is shown as queued though it runs": {kernel.Fault{Kind: simgithub.StaleJob}, "still shows job", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			w.runner("a")
			w.pass(30 * time.Second)
			same(t, "truth", w.job(id).Status, "in_progress")
			same(t, "REST says", w.rest(id).Status, "queued")
			same(t, "runner", w.rest(id).RunnerID, 0)
			w.pass(minute)
			same(t, "REST says later", w.rest(id).Status, "in_progress")
		}},
		"GitHub assigns no jobs for an hour": {kernel.Fault{Kind: simgithub.NoAssignment, From: duration(time.Second), Until: duration(time.Hour)}, "is assigned to runner a", func(t *testing.T, w *world) {
			w.pass(time.Second)
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(59 * minute)
			same(t, "taken", len(r.jobs), 0)
			w.pass(2 * minute)
			sameList(t, "taken", r.jobs, id)
		}},
		// tuist/tuist#12673, #11455
		"a job stays queued in a run that is over": {kernel.Fault{Kind: simgithub.StuckQueued}, "stays queued for ever", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(48 * time.Hour)
			same(t, "taken", len(r.jobs), 0)
			sameList(t, "webhooks", w.sent(id), "queued")
			same(t, "REST says", w.rest(id).Status, "queued")
			same(t, "the run is over", w.job(id).RunOver, true)
			run := w.ask("GET", fmt.Sprintf("/repos/octo/app/actions/runs/%d", w.job(id).RunID)).body
			contains(t, run, `"status":"completed","conclusion":"startup_failure"`)
			contains(t, w.ask("GET", "/repos/octo/app/actions/runs?status=queued").body, `"total_count":0`)
		}},
		"an idle registration is deleted": {kernel.Fault{Kind: simgithub.IdleDeleted, Times: 1}, "which is idle", func(t *testing.T, w *world) {
			r := w.runner("a")
			w.pass(2*minute - time.Second)
			same(t, "deleted", r.deleted, false)
			w.pass(4*minute + 2*time.Second)
			same(t, "deleted", r.deleted, true)
			same(t, "registrations", len(w.Registrations()), 0)
		}},
		"a busy registration is not": {kernel.Fault{Kind: simgithub.IdleDeleted}, "strikes octo/app", func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(7 * minute)
			same(t, "deleted", r.deleted, false)
		}},
		"a runner of others steals a job": {kernel.Fault{Kind: simgithub.Steals, Times: 1}, "a runner of others", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{Takes: minute})
			w.pass(3 * minute)
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress", "completed")
			same(t, "by whom", strings.HasPrefix(w.job(id).RunnerName, "foreign-"), true)
			same(t, "registrations", len(w.Registrations()), 0)
		}},
		"a job goes back to the queue": {kernel.Fault{Kind: simgithub.TakesBack, Times: 1}, "queues it again", func(t *testing.T, w *world) {
			id := w.queue(simgithub.JobSpec{})
			r := w.runner("a")
			w.pass(minute)
			sameList(t, "told", r.cancelled, id)
			same(t, "status", w.rest(id).Status, "queued")
			same(t, "runner", w.rest(id).RunnerName, "")
			sameList(t, "webhooks", w.sent(id), "queued", "in_progress")
			r.session.Finish("cancelled")
			b := w.runner("b")
			w.pass(minute)
			sameList(t, "taken by another", b.jobs, id)
			same(t, "registrations", len(w.Registrations()), 1)
		}},
	} {
		tested[test.fault.Kind] = true
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, test.fault)
			test.shows(t, w)
			if !w.traced(test.says) {
				t.Errorf("%q is not in the trace:\n%s", test.says, strings.Join(w.trace, "\n"))
			}
		})
	}
	for _, kind := range simgithub.Kinds {
		if !tested[kind.Name] {
			t.Errorf("no test lets %s strike", kind.Name)
		}
		if kind.Does == "" || kind.Source == "" {
			t.Errorf("%s says too little of itself", kind.Name)
		}
	}
}

func name(err error) string {
	named, ok := errors.AsType[interface {
		error
		ErrorName() string
	}](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return named.ErrorName()
}
