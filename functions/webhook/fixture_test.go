package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	secret   = "It's a Secret to Everybody"
	previous = "it was another one before"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// keyring is the secrets of a test.
type keyring struct {
	keys []string
	err  error
	read int
}

func (k *keyring) WebhookSecrets(context.Context) ([]string, error) {
	k.read++
	return k.keys, k.err
}

// queue is a bus that keeps what it gets.
type queue struct {
	events []fleet.Event
	err    error
}

func (q *queue) Put(_ context.Context, e fleet.Event) error {
	if q.err != nil {
		return q.err
	}
	q.events = append(q.events, e)
	return nil
}

func (q *queue) last(t *testing.T) fleet.WorkflowJob {
	t.Helper()
	if len(q.events) == 0 {
		t.Fatal("nothing is on the bus")
	}
	var detail fleet.WorkflowJob
	if err := json.Unmarshal(q.events[len(q.events)-1].Detail, &detail); err != nil {
		t.Fatal(err)
	}
	return detail
}

var errDown = errors.New("the bus is down")

// table is what is known of jobs and repositories.
type table struct {
	runs    map[string]fleet.Run
	cursors map[string]string
	holds   []fleet.Hold
	err     error
	read    int
}

func (t *table) HoldsBelow(_ context.Context, prefix string, limit int) (found []fleet.Hold, _ error) {
	t.read++
	for _, h := range t.holds {
		if strings.HasPrefix(h.Key, prefix) && len(found) < limit {
			found = append(found, h)
		}
	}
	return found, t.err
}

func (t *table) Run(_ context.Context, id string) (fleet.Run, bool, error) {
	t.read++
	run, ok := t.runs[id]
	return run, ok, t.err
}

func (t *table) Cursor(_ context.Context, name string) (string, error) {
	t.read++
	return t.cursors[name], t.err
}

func (t *table) PutCursor(_ context.Context, name, value string) error {
	t.cursors[name] = value
	return t.err
}

// bench is a handler with everything around it.
type bench struct {
	Handler
	keys  *keyring
	table *table
	bus   *queue
	log   *strings.Builder
}

func newBench() *bench {
	b := &bench{keys: &keyring{keys: []string{secret}}, table: &table{runs: map[string]fleet.Run{}, cursors: map[string]string{}}, bus: &queue{}, log: &strings.Builder{}}
	b.Handler = Handler{
		Secrets: b.keys,
		Records: b.table,
		Bus:     b.bus,
		Policy: fleet.Policy{
			FleetName:    "fleet",
			Repositories: []string{"octo-org/app"},
			Classes:      map[string]fleet.Class{"small": {CPU: 512, Memory: 1024}},
			DefaultClass: "small",
			BaseImage:    "base",
		},
		Now:   func() time.Time { return now },
		NewID: func() string { return "event-1" },
		Log:   slog.New(slog.NewJSONHandler(b.log, nil)),
	}
	return b
}

func sign(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// sent is a request as GitHub sends it.
func sent(event string, body []byte) Request {
	return Request{Method: "POST", Body: body, Header: map[string]string{
		"content-type":        "application/json",
		"x-github-event":      event,
		"x-github-delivery":   "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		"x-hub-signature-256": sign(secret, body),
	}}
}

func (b *bench) send(r Request) Response { return b.Handle(context.Background(), r) }

// queued is a delivery that gets a runner. Changes are made to its JSON: a path
// of keys and a value, absent if that is nil.
func queued(t testing.TB, changes ...change) []byte {
	t.Helper()
	doc := map[string]any{
		"action":     "queued",
		"repository": map[string]any{"full_name": "octo-org/app", "private": true},
		"workflow_job": map[string]any{
			"id": int64(14541957942), "run_id": int64(5373506832), "run_attempt": 1, "name": "build", "workflow_name": "CI", "head_branch": "main", "head_sha": "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11",
			"html_url": "https://github.com/octo-org/app/actions/runs/5373506832/job/14541957942",
			"labels":   []any{"self-hosted", "class:small"}, "status": "queued", "conclusion": nil, "steps": []any{},
			"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "runner_group_name": nil,
			"created_at": "2026-03-04T05:00:00Z", "started_at": "2026-03-04T05:00:00Z", "completed_at": nil,
		},
		"installation": map[string]any{"id": 23154469},
	}
	for _, c := range changes {
		at, keys := doc, strings.Split(c.path, ".")
		for _, k := range keys[:len(keys)-1] {
			at = at[k].(map[string]any)
		}
		if k := keys[len(keys)-1]; c.value == absent {
			delete(at, k)
		} else {
			at[k] = c.value
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

type change struct {
	path  string
	value any
}

// absent as a change's value deletes the field.
var absent = new(int)

func set(path string, value any) change { return change{path, value} }

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "github", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func fixtures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "github", "*", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p))
	}
	return names
}
