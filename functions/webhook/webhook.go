// Package webhook answers GitHub's webhook deliveries: it checks who sent a delivery,
// decides whether its job may be ours, and puts the job on the bus.
//
// GitHub never sends a delivery again by itself. So the answer is 2xx only if the bus
// has the event or the fleet does not need it. Anything else shows up as failed in
// GitHub's list of deliveries, and the sweep asks GitHub to send it again.
//
// The package knows neither Lambda nor a server: both adapt a Request to it.
package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// MaxBody is the largest body that is read, in bytes. A workflow_job has some 30 KB.
// Other events have up to 25 MB, and the fleet needs none of those
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
const MaxBody = 1 << 20

// secrets holds the webhook's secrets.
type secrets interface {
	// WebhookSecrets returns the secret, and during its replacement the previous one as
	// well.
	WebhookSecrets(ctx context.Context) ([]string, error)
}

// refresher is secrets that keep what they read for a while. On one machine they do
// not.
type refresher interface {
	// Refresh reads the secrets again, but not on every call: anyone can send wrong
	// signatures. changed reports whether they are others now.
	Refresh(ctx context.Context) (changed bool, err error)
}

// bus takes the events.
type bus interface {
	// Put returns nil only when the event is stored for delivery.
	Put(ctx context.Context, e fleet.Event) error
}

// records has what is known of jobs and repositories. The webhook only reads it.
type records interface {
	Run(ctx context.Context, runID string) (run fleet.Run, ok bool, err error)
	Cursor(ctx context.Context, name string) (string, error)
	HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error)
}

// Handler answers deliveries. It needs all its fields but Metrics, keeps no state and may be
// used concurrently.
type Handler struct {
	Secrets secrets
	Records records
	Bus     bus
	Policy  fleet.Policy
	Now     func() time.Time
	NewID   func() string // ids of events
	Log     *slog.Logger
	Metrics metric.Recorder // nil measures nothing
}

// Request is one HTTP request, as an adapter saw it.
type Request struct {
	Method   string
	Header   map[string]string // looked up ignoring case
	Body     []byte            // as it came: the signature covers these bytes
	IsBase64 bool              // Body is base64 text, as API Gateway may send it
}

// Response is the answer to a Request.
type Response struct {
	Status int
	Header map[string]string
	Body   Reply // sent as JSON
}

// Reply is what the sender gets. Reason explains to people, who read it in GitHub's
// list of deliveries, why nothing runs.
type Reply struct {
	Status Outcome `json:"status"`
	Reason string  `json:"reason,omitempty"`
	RunID  string  `json:"run_id,omitempty"`
}

// Outcome is what became of a delivery.
type Outcome string

const (
	Accepted     Outcome = "accepted"     // 202: the event is on the bus
	Refused      Outcome = "refused"      // 202: on the bus, to be recorded as refused by policy
	Ignored      Outcome = "ignored"      // 200: the fleet does not need it
	Pong         Outcome = "pong"         // 200: the answer to a ping
	Invalid      Outcome = "invalid"      // 400, 405, 413, 415
	Unauthorized Outcome = "unauthorized" // 401: the signature is missing or wrong
	Forbidden    Outcome = "forbidden"    // 403: not a repository of this fleet
	Failed       Outcome = "failed"       // 500: a mistake in this package
	Unavailable  Outcome = "unavailable"  // 503: the secrets or the bus did not answer
)

// delivery collects what becomes known of a request, for its log line.
type delivery struct {
	id, event, action string
	hookID            int64 // 0 if GitHub did not say; it is not signed
	ofOrganization    bool  // the webhook is
	job               fleet.Job
	cause             string // of a failure; not for the sender
}

// Handle answers one request, whatever is in it. A repeated delivery is put on the bus
// again: dispatch must know the job already.
func (h Handler) Handle(ctx context.Context, r Request) (resp Response) {
	d := &delivery{id: fleet.ClipBytes(r.header("X-GitHub-Delivery"), maxShort), event: fleet.ClipBytes(r.header("X-GitHub-Event"), maxShort)}
	d.hookID, _ = strconv.ParseInt(r.header("X-GitHub-Hook-ID"), 10, 64) // absent or nonsense: 0
	switch r.header("X-GitHub-Hook-Installation-Target-Type") {
	case "integration":
		d.hookID = fleet.AppHook
	case "organization":
		d.ofOrganization = d.hookID != 0
	}
	defer func() {
		if p := recover(); p != nil {
			d.cause = describePanic(p)
			resp = reply(http.StatusInternalServerError, Failed, "this is a mistake in the fleet; its log says more")
		}
		h.log(ctx, d, resp)
		h.measure(resp.Body.Status)
	}()
	return h.handle(ctx, r, d)
}

func (h Handler) handle(ctx context.Context, r Request, d *delivery) Response {
	body, refusal := r.check()
	if refusal != nil {
		return *refusal
	}
	if resp, ok := h.authenticate(ctx, r, body, d); !ok {
		return resp
	}
	if d.event == "" {
		return invalid("the header X-GitHub-Event is missing")
	}
	payload, err := r.payload(body)
	if err != nil {
		return invalid("%s", err)
	}
	switch d.event {
	case "workflow_job":
		return h.workflowJob(ctx, payload, d)
	case "ping":
		return h.ping(payload)
	}
	if err := decode(payload, new(struct{})); err != nil {
		return invalid("%s", err)
	}
	return ignore("events of type %q are not used; this fleet needs workflow_job only", d.event)
}

func reply(status int, outcome Outcome, format string, args ...any) Response {
	return Response{Status: status, Body: Reply{Status: outcome, Reason: fmt.Sprintf(format, args...)}}
}

func invalid(format string, args ...any) Response {
	return reply(http.StatusBadRequest, Invalid, format, args...)
}

func ignore(format string, args ...any) Response {
	return reply(http.StatusOK, Ignored, format, args...)
}

func unavailable(what string) Response {
	resp := reply(http.StatusServiceUnavailable, Unavailable, "%s", what)
	resp.Header = map[string]string{"Retry-After": "60"}
	return resp
}

// log writes the one line of a request. It shows nothing of a body unless it was parsed
// from a signed one, and it never shows a signature.
func (h Handler) log(ctx context.Context, d *delivery, resp Response) {
	level := slog.LevelInfo
	switch {
	case resp.Status >= 500:
		level = slog.LevelError
	case resp.Status >= 400:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("delivery", d.id),
		slog.String("event", d.event),
		slog.String("action", d.action),
		slog.String("repository", d.job.Repository),
		slog.Int64("job_id", d.job.JobID),
		slog.String("status", string(resp.Body.Status)),
		slog.Int("http_status", resp.Status),
		slog.String("reason", resp.Body.Reason),
	}
	if d.cause != "" {
		attrs = append(attrs, slog.String("cause", d.cause))
	}
	h.Log.LogAttrs(ctx, level, "webhook", attrs...)
}

// describePanic says where and why code broke, without values that may come from the
// sender.
func describePanic(p any) string {
	what := fmt.Sprintf("panic of type %T", p)
	if err, ok := p.(runtime.Error); ok {
		what = "panic: " + err.Error()
	}
	return what + "\n" + strings.TrimSpace(string(debug.Stack()))
}
