package simgithub_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	webhookhandler "github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/table"
)

// deliveries is the log of a repository's webhook, as the real client reads it.
func (w *world) deliveries() (all []fleet.Delivery) {
	w.t.Helper()
	w.do(func() {
		for d, err := range fleet.AllPages(func(was fleet.Page[fleet.Delivery]) (fleet.Page[fleet.Delivery], error) {
			return w.fleet().DeliveriesPage(context.Background(), app, w.HookID(app), was)
		}) {
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, d)
		}
	})
	return all
}

func (w *world) redeliver(id int64) (err error) {
	w.do(func() { err = w.fleet().Redeliver(context.Background(), app, w.HookID(app), id) })
	return err
}

func TestFactsOfWebhooks(t *testing.T) {
	facts{
		// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
		"X-Hub-Signature-256 is the HMAC of the body": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{})
			w.pass(time.Minute)
			mac := hmac.New(sha256.New, []byte("secret"))
			mac.Write(w.got[0].body)
			same(t, "signature", w.got[0].header.Get("X-Hub-Signature-256"), "sha256="+hex.EncodeToString(mac.Sum(nil)))
			same(t, "event", w.got[0].header.Get("X-GitHub-Event"), "workflow_job")
		},
		// https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
		"a failed delivery is repeated only if that is asked for, under the same GUID": func(t *testing.T, w *world) {
			w.answer = http.StatusServiceUnavailable
			w.queue(simgithub.JobSpec{})
			w.pass(time.Hour)
			same(t, "deliveries", len(w.got), 1)
			log := w.deliveries()
			same(t, "in the log", len(log), 1)
			same(t, "status", log[0].Status, http.StatusServiceUnavailable)
			if err := w.redeliver(log[0].ID); err != nil {
				t.Fatal(err)
			}
			same(t, "at once", len(w.got), 1)
			w.pass(time.Minute)
			same(t, "deliveries", len(w.got), 2)
			same(t, "GUID", w.got[1].header.Get("X-GitHub-Delivery"), w.got[0].header.Get("X-GitHub-Delivery"))
			same(t, "body", string(w.got[1].body), string(w.got[0].body))
			// ubicloud/ubicloud#741: the log lists every attempt, the newest first
			log = w.deliveries()
			same(t, "in the log", len(log), 2)
			same(t, "GUIDs", log[0].GUID, log[1].GUID)
			same(t, "order", log[0].ID > log[1].ID, true)
			same(t, "counted", w.Deliveries(), simgithub.DeliveryCount{Made: 1, Attempts: 2, Failed: 2, Redelivery: 1})
		},
		// https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks
		"a delivery times out after ten seconds": func(t *testing.T, w *world) {
			var late func(int)
			w.Deliver = func(_ http.Header, _ []byte, answered func(int)) { late = answered }
			w.queue(simgithub.JobSpec{})
			w.pass(10 * time.Second)
			same(t, "in the log", len(w.deliveries()), 0)
			w.pass(10 * time.Second)
			same(t, "in the log", len(w.deliveries()), 1)
			same(t, "status", w.deliveries()[0].Status, http.StatusGatewayTimeout)
			path := fmt.Sprintf("/repos/octo/app/hooks/%d/deliveries", w.HookID(app))
			contains(t, w.ask("GET", path).body, `"duration":10.00,`)
			late(http.StatusOK)
			same(t, "after a late answer", w.deliveries()[0].Status, http.StatusGatewayTimeout)
		},
		// https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries
		"a delivery is kept for three days": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{Environment: true})
			w.pass(72*time.Hour - time.Minute)
			log := w.deliveries()
			same(t, "before", len(log), 2)
			w.pass(2 * time.Minute)
			same(t, "after", len(w.deliveries()), 0)
			if err := w.redeliver(log[0].ID); err == nil {
				t.Error("it can be repeated")
			}
		},
		// https://docs.github.com/rest/repos/webhooks: cursor paging
		"the log has pages": func(t *testing.T, w *world) {
			for range 101 {
				w.queue(simgithub.JobSpec{})
			}
			w.pass(time.Minute)
			log := w.deliveries()
			same(t, "deliveries", len(log), 101)
			seen := map[int64]bool{}
			for _, d := range log {
				seen[d.ID] = true
			}
			same(t, "different ones", len(seen), 101)
		},
		// the documentation promises no order; a job's own keep theirs without a fault
		"webhooks of different jobs overtake each other": func(t *testing.T, w *world) {
			var ids []int64
			for range 10 {
				ids = append(ids, w.queue(simgithub.JobSpec{}))
			}
			w.pass(time.Minute)
			inOrder := true
			for i, one := range w.got {
				inOrder = inOrder && one.Job.ID == ids[i]
			}
			same(t, "in order", inOrder, false)
		},
		"a webhook says whether the repository is private or a fork": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{})
			w.queue(simgithub.JobSpec{Repository: other})
			w.pass(time.Minute)
			for _, one := range w.got {
				same(t, one.Repository.FullName, one.Repository.Private, one.Repository.FullName == app)
			}
		},
		"labels are sent verbatim": func(t *testing.T, w *world) {
			w.queue(simgithub.JobSpec{Labels: []string{"Self-Hosted ", "ä\"b"}})
			w.pass(time.Minute)
			sameList(t, "labels", w.got[0].Job.Labels, "Self-Hosted ", "ä\"b")
		},
	}.check(t)
}

// bus keeps what the real handler puts on it.
type bus struct{ events []fleet.Event }

func (b *bus) Put(_ context.Context, e fleet.Event) error {
	b.events = append(b.events, e)
	return nil
}

type secret string

func (s secret) WebhookSecrets(context.Context) ([]string, error) { return []string{string(s)}, nil }

// TestTheRealHandlerAcceptsWebhooks lets the fleet's own function answer, with all
// fields and with few.
func TestTheRealHandlerAcceptsWebhooks(t *testing.T) {
	for _, full := range []bool{false, true} {
		cfg := config()
		cfg.Full = full
		w := worldOf(t, cfg)
		var taken bus
		handler := webhookhandler.Handler{
			Secrets: secret("secret"), Records: table.New(), Bus: &taken, Now: w.k.Now, NewID: func() string { return "event" },
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Policy: fleet.Policy{
				FleetName: "fleet", Repositories: []string{app},
				Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024}}, DefaultClass: "small", BaseImage: "base",
			},
		}
		w.Deliver = func(header http.Header, body []byte, answered func(int)) {
			r := webhookhandler.Request{Method: http.MethodPost, Header: map[string]string{}, Body: body}
			for name, values := range header {
				r.Header[strings.ToLower(name)] = values[0]
			}
			answered(handler.Handle(context.Background(), r).Status)
		}
		gated := w.queue(simgithub.JobSpec{Environment: true})
		w.pass(time.Minute)
		w.Approve(gated)
		r := w.runner("a")
		w.pass(time.Minute)
		sameList(t, "taken", r.jobs, gated)
		r.session.Finish("success")
		w.pass(time.Minute)
		// The queued of a job that waits is answered with 200 and put nowhere.
		same(t, "webhooks", w.Deliveries(), simgithub.DeliveryCount{Made: 5, Attempts: 5, Accepted: 5})
		same(t, "events", len(taken.events), 4)
	}
}
