package simgithub

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"time"
)

const (
	// answerLimit is how long GitHub waits for an answer to a webhook.
	// https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks: 10 seconds
	answerLimit = 10 * time.Second
	// keepDeliveries is how long a delivery can be seen and repeated.
	// https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries: 3 days
	keepDeliveries = 3 * 24 * time.Hour
)

// hook is the webhook of a repository and its log.
type hook struct {
	id  int64
	log []*delivery // oldest first

	changes int // of the log
	shown   shownPage
}

// delivery is one attempt to deliver a webhook. GitHub makes no second one by itself.
// https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
type delivery struct {
	id         int64
	guid       string // a redelivery keeps it
	action     string
	job        *job
	body       []byte
	redelivery bool
	throttled  bool

	at     time.Time
	took   time.Duration
	status string // "OK", or why it failed
	code   int
	done   bool
	shown  []byte // as a list has it, once it is done: it changes no more
}

// DeliveryCount counts webhooks.
type DeliveryCount struct {
	Made       int // events with a webhook
	Attempts   int // deliveries, and repeated ones
	Accepted   int // answered with a 2xx
	Failed     int // answered otherwise or not in time
	Redelivery int // asked for through the API
}

// Deliveries counts the webhooks so far.
func (g *GitHub) Deliveries() DeliveryCount { return g.count }

// emit sends a webhook about a job as it is now. The webhooks of a job keep their order
// unless a fault says otherwise; those of different jobs do not.
func (g *GitHub) emit(action string, j *job) {
	repo := j.repo()
	if action == inProgress {
		if _, strikes := g.k.Strikes(InProgressLost, repo.name); strikes {
			g.k.Log("the webhook in_progress of job %d is never sent", j.id)
			return
		}
	}
	subject := action + " " + repo.name
	lost, isLost := g.k.Strikes(WebhookLost, subject)
	if isLost && lost.With == "" {
		g.k.Log("the webhook %s of job %d is never made", action, j.id)
		return
	}
	g.count.Made++
	d := delivery{guid: g.uuid(), action: action, job: j, body: g.payload(action, j)}
	at := g.k.Now().Add(g.k.Between("github.webhook", 200*time.Millisecond, 2*time.Second))
	if !at.After(j.told) {
		at = j.told.Add(time.Millisecond)
	}
	if isLost {
		g.k.At(at, func() { g.fail(repo, d, "failed to connect", status(lost, http.StatusBadGateway)) })
		return
	}
	if late, strikes := g.k.Strikes(WebhookLate, subject); strikes {
		d.throttled = true
		at = at.Add(length(late, 5*time.Minute))
		g.k.Log("the webhook %s of job %d comes %s late", action, j.id, length(late, 5*time.Minute))
	} else if behind, strikes := g.k.Strikes(WebhookReordered, subject); strikes {
		at = at.Add(length(behind, g.k.Between(WebhookReordered+".for", 2*time.Second, 10*time.Second)))
		g.k.Log("later webhooks may overtake %s of job %d", action, j.id)
	} else {
		j.told = at
	}
	g.k.At(at, func() { g.attempt(repo, d) })
	if _, strikes := g.k.Strikes(WebhookDoubled, subject); strikes {
		g.k.Log("the webhook %s of job %d comes twice", action, j.id)
		g.k.At(at.Add(g.k.Between(WebhookDoubled+".after", 100*time.Millisecond, 3*time.Second)), func() { g.attempt(repo, d) })
	}
}

// record puts an attempt into the log of its webhook, which forgets the oldest.
func (g *GitHub) record(repo *repository, d delivery) *delivery {
	h := repo.hookOf()
	oldest := g.k.Now().Add(-keepDeliveries)
	for len(h.log) > 0 && h.log[0].at.Before(oldest) {
		h.log = h.log[1:]
	}
	d.id, d.at = g.newID(), g.k.Now()
	h.log = append(h.log, &d)
	h.changes++
	g.count.Attempts++
	return &d
}

func (g *GitHub) fail(repo *repository, d delivery, why string, code int) {
	g.k.Log("the webhook %s of job %d is lost: %s", d.action, d.job.id, why)
	g.settle(g.record(repo, d), why, code)
}

// attempt makes one delivery. Anything but a 2xx within ten seconds is a failure.
func (g *GitHub) attempt(repo *repository, first delivery) {
	if g.Deliver == nil {
		g.fail(repo, first, "failed to connect", http.StatusBadGateway)
		return
	}
	d := g.record(repo, first)
	g.k.Log("webhook %s of job %d is delivered as %s", d.action, d.job.id, d.guid)
	timeout := g.k.After(answerLimit, func() {
		g.k.Log("webhook %s of job %d has timed out", d.action, d.job.id)
		g.settle(d, "timed out", http.StatusGatewayTimeout) // which status is not published
	})
	g.Deliver(g.hookHeader(repo, d), d.body, func(code int) {
		if d.done {
			return
		}
		timeout.Stop()
		word := "OK"
		if code/100 != 2 {
			word = "Invalid HTTP Response: " + strconv.Itoa(code)
			g.k.Log("webhook %s of job %d is answered with %d", d.action, d.job.id, code)
		}
		g.settle(d, word, code)
	})
}

func (g *GitHub) settle(d *delivery, word string, code int) {
	d.job.repo().hookOf().changes++
	d.done, d.status, d.code, d.took = true, word, code, g.k.Now().Sub(d.at)
	if code/100 == 2 {
		g.count.Accepted++
	} else {
		g.count.Failed++
	}
}

// redeliver repeats a delivery soon, under the same GUID and with the same body.
// https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
func (g *GitHub) redeliver(repo *repository, d *delivery) {
	g.count.Redelivery++
	again := delivery{guid: d.guid, action: d.action, job: d.job, body: d.body, redelivery: true}
	g.k.After(g.k.Between("github.redeliver", 500*time.Millisecond, 5*time.Second), func() { g.attempt(repo, again) })
}

// hookHeader is the header of a delivery.
// https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
func (g *GitHub) hookHeader(repo *repository, d *delivery) http.Header {
	kind, target, id := "repository", repo.id, repo.hookOf().id
	switch {
	case g.cfg.App:
		kind, target = "integration", g.installation
	case repo.organization != nil:
		kind, target = "organization", repo.organization.id
	}
	h := http.Header{
		"Accept":                                 {"*/*"},
		"Content-Type":                           {"application/json"},
		"User-Agent":                             {"GitHub-Hookshot/simulated"},
		"X-Github-Delivery":                      {d.guid},
		"X-Github-Event":                         {"workflow_job"},
		"X-Github-Hook-Id":                       {strconv.FormatInt(id, 10)},
		"X-Github-Hook-Installation-Target-Id":   {strconv.FormatInt(target, 10)},
		"X-Github-Hook-Installation-Target-Type": {kind},
	}
	if secret := g.cfg.HookSecret; secret != "" {
		h["X-Hub-Signature"] = []string{"sha1=" + sign(sha1.New, secret, d.body)}
		h["X-Hub-Signature-256"] = []string{"sha256=" + sign(sha256.New, secret, d.body)}
	}
	return h
}

func sign(algorithm func() hash.Hash, secret string, body []byte) string {
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
