package sim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Delivery is one webhook: to be sent, or with its answer.
type Delivery struct {
	ID         int64  // of this attempt; 0 until it is sent
	GUID       string // a redelivery keeps it
	Event      string // workflow_job or ping
	Action     string // "" for a ping
	JobID      int64  // 0 for a ping
	Body       []byte
	Redelivery bool

	DeliveredAt time.Time
	Duration    time.Duration
	Status      string // "OK", or why it failed
	StatusCode  int    // 0 if nothing answered
	Response    string // the first part of the answer
}

// OK reports whether the receiver answered with a 2xx.
func (d Delivery) OK() bool { return d.StatusCode/100 == 2 }

const (
	maxResponse = 64 << 10
	timedOut    = "timed out"
)

// Signature returns the value of X-Hub-Signature-256 for a body.
func Signature(secret string, body []byte) string { return "sha256=" + sign(sha256.New, secret, body) }

func sign(h func() hash.Hash, secret string, body []byte) string {
	mac := hmac.New(h, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Deliveries returns what was sent, in order, each attempt by itself.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Redeliver sends a delivery again, under the same GUID. Like GitHub, the simulator
// does that only on request.
func (s *Server) Redeliver(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.deliveries, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return fmt.Errorf("redeliver %d: %w", id, errors.New("simulated GitHub: no such delivery"))
	}
	s.redeliver(s.deliveries[i])
	return nil
}

func (s *Server) redeliver(d Delivery) {
	s.post(Delivery{GUID: d.GUID, Event: d.Event, Action: d.Action, JobID: d.JobID, Body: d.Body, Redelivery: true})
}

// Ping sends the webhook that GitHub sends when a hook is made.
func (s *Server) Ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ping()
}

func (s *Server) ping() {
	payload := map[string]any{
		"zen":     "A simulation is not the thing.",
		"hook_id": s.hook.id,
		"hook":    s.hookJSON(),
		"sender":  s.repo.user(s.cfg.URL),
	}
	if !s.hook.ofOrganization {
		payload["repository"] = s.repo.json(s.cfg.URL, s.cfg.Private)
	}
	s.notifyHook("ping", "", 0, payload)
}

// hookConfig is how the webhook delivers, in GitHub's words.
func (s *Server) hookConfig() map[string]string {
	config := map[string]string{"content_type": cmp.Or(s.cfg.Hook.ContentType, "json"), "insecure_ssl": "0"}
	if s.cfg.WebhookURL != "" {
		config["url"] = s.cfg.WebhookURL
	}
	if s.cfg.Hook.InsecureSSL {
		config["insecure_ssl"] = "1"
	}
	if s.cfg.WebhookSecret != "" {
		config["secret"] = "********"
	}
	return config
}

// hookJSON is the webhook as GitHub shows it.
func (s *Server) hookJSON() map[string]any {
	set, config := s.cfg.Hook, s.hookConfig()
	shown := map[string]any{
		"id": s.hook.id, "name": "web", "active": !set.Inactive, "events": set.events(),
		"config": config, "created_at": stamp(s.hook.created), "updated_at": stamp(s.hook.created),
	}
	self := fmt.Sprintf("%s/api/v3/orgs/%s/hooks/%d", s.cfg.URL, s.repo.owner, s.hook.id)
	shown["type"] = "Organization"
	if !s.hook.ofOrganization {
		self = fmt.Sprintf("%s/hooks/%d", s.repo.apiURL(s.cfg.URL), s.hook.id)
		shown["type"], shown["test_url"] = "Repository", self+"/test"
		shown["last_response"] = map[string]any{"code": nil, "status": "unused", "message": nil}
	}
	shown["url"], shown["ping_url"], shown["deliveries_url"] = self, self+"/pings", self+"/deliveries"
	return shown
}

// HookID returns the id of the webhook, which is also in the X-GitHub-Hook-ID
// header of its deliveries.
func (s *Server) HookID() int64 { return s.hook.id }

type hook struct {
	id             int64
	created        time.Time
	ofOrganization bool // and not the repository's
}

// emit sends a workflow_job webhook with the job as it is now.
func (s *Server) emit(action string, j *job) {
	payload := map[string]any{
		"action":       action,
		"workflow_job": s.workflowJob(j),
		"repository":   s.repo.json(s.cfg.URL, s.cfg.Private),
		"sender":       s.repo.user(s.cfg.URL),
	}
	if s.app != nil {
		payload["installation"] = map[string]any{"id": s.app.id, "node_id": "simulated"}
	}
	if j.deployment != nil {
		payload["deployment"] = s.deployment(j)
	}
	s.notifyHook("workflow_job", action, j.ID, payload)
}

func (s *Server) notifyHook(event, action string, jobID int64, payload any) {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err) // made of strings, numbers and maps only
	}
	s.post(Delivery{GUID: s.uuid(), Event: event, Action: action, JobID: jobID, Body: body})
}

// events are what the webhook is sent for.
func (h Hook) events() []string {
	if len(h.Events) == 0 {
		return []string{"workflow_job"}
	}
	return h.Events
}

// sends reports whether the webhook is sent for an event. A ping always is.
func (h Hook) sends(event string) bool {
	return event == "ping" || !h.Inactive && (slices.Contains(h.events(), event) || slices.Contains(h.events(), "*"))
}

func (s *Server) post(d Delivery) {
	if s.cfg.WebhookURL == "" || !s.cfg.Hook.sends(d.Event) {
		return
	}
	s.outbox = append(s.outbox, d)
	s.unsent++
	s.notify()
	select {
	case s.mail <- struct{}{}:
	default:
	}
}

// send takes s.mu itself. It is the one goroutine that delivers webhooks, so
// that they arrive in order unless Config.Deliver says otherwise.
func (s *Server) send(ctx context.Context) {
	client := &http.Client{
		Transport:     s.cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		select {
		case <-s.mail:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil && s.sendNext(ctx, client) {
		}
	}
}

// sendNext takes s.mu itself. It returns false if the outbox is empty.
func (s *Server) sendNext(ctx context.Context, client *http.Client) bool {
	s.mu.Lock()
	if len(s.outbox) == 0 {
		s.mu.Unlock()
		return false
	}
	next := s.outbox[0]
	s.outbox = s.outbox[1:]
	s.mu.Unlock()

	now := []Delivery{next}
	if s.cfg.Deliver != nil {
		now = s.cfg.Deliver(next)
	}
	for _, d := range now {
		d = s.deliver(ctx, client, d)
		s.mu.Lock()
		s.deliveries = append(s.deliveries, d)
		s.notify()
		s.mu.Unlock()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent--
	s.notify()
	return true
}

// deliver takes s.mu itself. It sends one webhook and returns it with the
// answer, which it waits for as long as GitHub does.
func (s *Server) deliver(ctx context.Context, client *http.Client, d Delivery) Delivery {
	s.mu.Lock()
	d.ID = s.newID()
	d.DeliveredAt = s.now()
	to, header := s.cfg.WebhookURL, s.hookHeader(d)
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := s.clock.AfterFunc(deliveryLimit, cancel)
	d.Status, d.StatusCode, d.Response = request(ctx, client, to, header, d.Body)
	if inTime := timer.Stop(); !inTime && d.StatusCode == 0 {
		d.Status = timedOut
	}
	d.Duration = s.clock.Now().Sub(d.DeliveredAt)
	return d
}

func request(ctx context.Context, client *http.Client, to string, header http.Header, body []byte) (status string, code int, response string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err.Error(), 0, ""
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		return err.Error(), 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	switch {
	case err != nil:
		return err.Error(), 0, ""
	case resp.StatusCode/100 == 2:
		return "OK", resp.StatusCode, string(answer)
	}
	return resp.Status, resp.StatusCode, string(answer)
}

func (s *Server) hookHeader(d Delivery) http.Header {
	h := http.Header{}
	target, targetID := "repository", s.repo.id
	switch {
	case s.app != nil:
		target, targetID = "integration", s.app.ID
	case s.hook.ofOrganization:
		target, targetID = "organization", s.repo.ownerID
	}
	for name, value := range map[string]string{
		"Accept":                                 "*/*",
		"Content-Type":                           "application/json",
		"User-Agent":                             "GitHub-Hookshot/simulated",
		"X-GitHub-Delivery":                      d.GUID,
		"X-GitHub-Event":                         d.Event,
		"X-GitHub-Hook-ID":                       strconv.FormatInt(s.hook.id, 10),
		"X-GitHub-Hook-Installation-Target-ID":   strconv.FormatInt(targetID, 10),
		"X-GitHub-Hook-Installation-Target-Type": target,
		"X-Simulated":                            "true",
	} {
		h.Set(name, value)
	}
	if secret := s.cfg.WebhookSecret; secret != "" {
		h.Set("X-Hub-Signature", "sha1="+sign(sha1.New, secret, d.Body))
		h.Set("X-Hub-Signature-256", Signature(secret, d.Body))
	}
	return h
}
