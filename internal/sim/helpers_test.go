package sim_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

const token = "ghp_simulated"

// virtualClock moves only in Advance.
type virtualClock struct {
	mu     sync.Mutex
	moved  *sync.Cond
	now    time.Time
	timers []*virtualTimer
}

type virtualTimer struct {
	clock *virtualClock
	at    time.Time
	after time.Duration
	f     func()
}

func newClock() *virtualClock {
	c := &virtualClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	c.moved = sync.NewCond(&c.mu)
	return c
}

func (c *virtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *virtualClock) AfterFunc(d time.Duration, f func()) sim.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &virtualTimer{clock: c, at: c.now.Add(d), after: d, f: f}
	c.timers = append(c.timers, t)
	c.moved.Broadcast()
	return t
}

func (t *virtualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	i := slices.Index(t.clock.timers, t)
	if i >= 0 {
		t.clock.timers = slices.Delete(t.clock.timers, i, i+1)
	}
	return i >= 0
}

// Advance moves the clock and makes the calls that are due, in order.
func (c *virtualClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		slices.SortStableFunc(c.timers, func(a, b *virtualTimer) int { return a.at.Compare(b.at) })
		if len(c.timers) == 0 || c.timers[0].at.After(end) {
			break
		}
		t := c.timers[0]
		c.timers = c.timers[1:]
		c.now = t.at
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// Await returns once a timer of that length runs.
func (c *virtualClock) Await(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !slices.ContainsFunc(c.timers, func(t *virtualTimer) bool { return t.after == d }) {
		c.moved.Wait()
	}
}

// world is a simulated GitHub with what a test needs around it. GitHub's
// contract is checked between it and its callers.
type world struct {
	*sim.Server
	t        *testing.T
	clock    *virtualClock
	url      string
	contract *contract.Contract
}

func newWorld(t *testing.T, cfg sim.Config) *world {
	t.Helper()
	clock := newClock()
	cfg.Repository = cmp.Or(cfg.Repository, "octo/widgets")
	cfg.Token = token
	if cfg.Clock == nil {
		cfg.Clock = clock
	}
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	contract := contract.New(t)
	server := httptest.NewServer(contract.Handler(s))
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return &world{Server: s, t: t, clock: clock, url: server.URL, contract: contract}
}

// answer is a server's answer.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    []byte
}

// onPurpose is the body of a request that violates GitHub's contract, so that the test
// sees the refusal.
type onPurpose struct{ body any }

// ask sends a request with a credential and a body, which is JSON unless it is
// a string.
func (w *world) ask(ctx context.Context, credential, method, path string, body any) answer {
	w.t.Helper()
	var content []byte
	wrong, isWrong := body.(onPurpose)
	if isWrong {
		body = wrong.body
	}
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	default:
		content, _ = json.Marshal(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if isWrong {
		req.Header.Set(contract.OnPurpose, "true")
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
		return answer{}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.raw, _ = io.ReadAll(resp.Body)
	_ = json.Unmarshal(a.raw, &a.body)
	return a
}

const repoPath = "/api/v3/repos/octo/widgets"

func (w *world) api(method, path string, body any) answer {
	w.t.Helper()
	return w.ask(w.t.Context(), token, method, repoPath+path, body)
}

// settle returns once every webhook is sent.
func (w *world) settle() {
	w.t.Helper()
	if err := w.WaitAll(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) job(id int64) sim.Job {
	w.t.Helper()
	j, ok := w.Job(id)
	if !ok {
		w.t.Fatalf("there is no job %d", id)
	}
	return j
}

func jit(name string, labels ...string) map[string]any {
	return map[string]any{"name": name, "runner_group_id": 1, "labels": labels}
}

// agent is the smallest runner.
type agent struct {
	world   *world
	reg     protocol.Registration
	session string
}

// register makes a registration that is still offline.
func (w *world) register(name string, labels ...string) *agent {
	w.t.Helper()
	a := w.api("POST", "/actions/runners/generate-jitconfig", jit(name, labels...))
	if a.status != http.StatusCreated {
		w.t.Fatalf("register %s: %d %s", name, a.status, a.raw)
	}
	reg, err := protocol.Decode(a.body["encoded_jit_config"].(string))
	if err != nil {
		w.t.Fatal(err)
	}
	return &agent{world: w, reg: reg}
}

// start registers a runner and brings it online.
func (w *world) start(name string, labels ...string) *agent {
	w.t.Helper()
	a := w.register(name, labels...)
	if got := a.open(); got != http.StatusCreated {
		w.t.Fatalf("open a session of %s: %d", name, got)
	}
	return a
}

func (a *agent) ask(method, path string, body any) answer {
	a.world.t.Helper()
	return a.world.ask(a.world.t.Context(), a.reg.Secret, method, path, body)
}

func (a *agent) open() int {
	a.world.t.Helper()
	got := a.ask("POST", protocol.SessionsPath, protocol.OpenSession{RunnerID: a.reg.RunnerID, OS: "linux", Version: "2.336.0"})
	a.session, _ = got.body["id"].(string)
	return got.status
}

// poll returns the type of the message and its job, or the status without one.
func (a *agent) poll() (status int, kind string, job int64) {
	a.world.t.Helper()
	got := a.ask("GET", protocol.MessagePath(a.session), nil)
	var m protocol.Message
	_ = json.Unmarshal(got.raw, &m)
	if m.Job != nil {
		job = m.Job.ID
	}
	return got.status, m.Type, job
}

func (a *agent) tell(job int64, what string, body any) int {
	a.world.t.Helper()
	return a.ask("POST", protocol.JobPath(a.session, job, what), body).status
}

// take polls for that job and accepts it.
func (a *agent) take(job int64) {
	a.world.t.Helper()
	if status, kind, got := a.poll(); kind != protocol.JobMessage || got != job {
		a.world.t.Fatalf("%s was told %d %q %d, want job %d", a.reg.RunnerName, status, kind, got, job)
	}
	if got := a.tell(job, "accept", nil); got != http.StatusNoContent {
		a.world.t.Fatalf("accept job %d: %d", job, got)
	}
}

func (a *agent) finish(job int64, conclusion string) {
	a.world.t.Helper()
	if got := a.tell(job, "complete", protocol.Result{Conclusion: conclusion}); got != http.StatusNoContent {
		a.world.t.Fatalf("complete job %d: %d", job, got)
	}
}
