package github

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// How far DeliveryOf looks: each delivery that it opens is a request, and may have 25 MB.
const (
	mostLooked = 500 // deliveries of a webhook, in the list
	mostOpened = 20
	// deliveredWithin is how long after a job was made GitHub delivers that it is queued.
	// What comes later is another attempt, or about another state.
	deliveredWithin = 10 * time.Minute
)

// Answered is how a webhook about a job was answered.
type Answered struct {
	At     time.Time
	Action string
	// Status is the HTTP status. GitHub shows one of 500 and more as well if there was no
	// answer, and Says then how that failed.
	Status int
	Says   string
	Body   string // of the answer
}

// exchange is a delivery with what was sent and what was answered.
type exchange struct {
	Delivery
	Request struct {
		Payload struct {
			Job struct {
				ID int64 `json:"id"`
			} `json:"workflow_job"`
		} `json:"payload"`
	} `json:"request"`
	Response struct {
		Payload json.RawMessage `json:"payload"` // a text, or null
	} `json:"response"`
}

func (e exchange) answered() Answered {
	a := Answered{At: e.DeliveredAt, Action: e.Action, Status: e.StatusCode, Says: e.Status, Body: string(e.Response.Payload)}
	var text string
	if json.Unmarshal(e.Response.Payload, &text) == nil {
		a.Body = text
	}
	return a
}

// DeliveryOf finds the newest attempt to deliver that a job is queued, of the webhooks in the
// job's place and its organization's, or of the App's. delivers reports of a webhook's
// address whether it is the fleet's. known is false if GitHub shows none: it keeps them for
// three days. It fails as Hooks does, if the credential may not see webhooks.
func (f ForFleet) DeliveryOf(ctx context.Context, job fleet.Job, places []string, ofApp bool, delivers func(url string) bool) (found Answered, known bool, err error) {
	if job.CreatedAt == nil {
		return Answered{}, false, fmt.Errorf("GitHub does not say when it made job %d", job.JobID)
	}
	if ofApp {
		return f.deliveryOf(ctx, job, "/app/hook", func(path string) resource { return resource{path: path, app: true} })
	}
	var refused error
	for _, place := range places {
		for hook, err := range f.Client.Hooks(ctx, at(place)) {
			if err != nil {
				refused = cmp.Or(refused, err)
				break
			}
			if !delivers(hook.Config.URL) {
				continue
			}
			found, known, err := f.deliveryOf(ctx, job, fmt.Sprintf("/hooks/%d", hook.ID), func(path string) resource { return at(place).resource("%s", path) })
			if known || err != nil {
				return found, known, err
			}
		}
	}
	return Answered{}, false, refused
}

// deliveryOf looks at the deliveries of one webhook.
func (f ForFleet) deliveryOf(ctx context.Context, job fleet.Job, hook string, of func(path string) resource) (Answered, bool, error) {
	opened := 0
	deliveries := list(ctx, f.Client, of(hook+"/deliveries?per_page=100"), func(page []Delivery) []Delivery { return page })
	for d, err := range about(deliveries, job) {
		if err != nil {
			return Answered{}, false, err
		}
		if d.Event != fleet.WorkflowJobEvent || d.Action != fleet.JobQueued || job.RepositoryID != 0 && d.RepositoryID != 0 && d.RepositoryID != job.RepositoryID {
			continue
		}
		if opened++; opened > mostOpened {
			break
		}
		var e exchange
		if _, err := f.Client.do(ctx, http.MethodGet, of(fmt.Sprintf("%s/deliveries/%d", hook, d.ID)), nil, &e); err != nil {
			return Answered{}, false, err
		}
		if e.Request.Payload.Job.ID == job.JobID {
			return e.answered(), true, nil
		}
	}
	return Answered{}, false, nil
}

// about looks at the newest deliveries, and leaves out those from before a job was made and
// first attempts that came too late to be about it.
func about(deliveries iter.Seq2[Delivery, error], job fleet.Job) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		looked := 0
		for d, err := range deliveries {
			if looked++; looked > mostLooked {
				return
			}
			late := d.DeliveredAt.Sub(*job.CreatedAt)
			switch {
			case err == nil && late < -time.Minute: // clocks
				return
			case err == nil && late > deliveredWithin && !d.Redelivery:
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// IsWebhook reports whether an address may be that of a fleet's webhook, where the fleet does
// not know its own: its path ends with /webhook.
func IsWebhook(url string) bool { return strings.HasSuffix(strings.TrimRight(url, "/"), "/webhook") }
