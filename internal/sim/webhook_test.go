package sim_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// inbox receives webhooks.
type inbox struct {
	mu   sync.Mutex
	got  []received
	fail int // this many are answered with 500
}

type received struct {
	header http.Header
	raw    []byte
	body   map[string]any
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	one := received{header: r.Header, raw: raw}
	_ = json.Unmarshal(raw, &one.body)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, one)
	if i.fail > 0 {
		i.fail--
		w.WriteHeader(http.StatusInternalServerError)
	}
	io.WriteString(w, "thanks")
}

func (i *inbox) all() []received {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

// events returns "action status" of each job event.
func (i *inbox) events() []string {
	var all []string
	for _, one := range i.all() {
		action, _ := one.body["action"].(string)
		job, _ := one.body["workflow_job"].(map[string]any)
		status, _ := job["status"].(string)
		all = append(all, action+" "+status)
	}
	return all
}

const hookSecret = "It's a Secret to Everybody"

func hookedWorld(t *testing.T, cfg sim.Config) (*world, *inbox) {
	t.Helper()
	in := &inbox{}
	receiver := httptest.NewServer(in)
	t.Cleanup(receiver.Close)
	cfg.WebhookURL, cfg.WebhookSecret = receiver.URL+"/webhook", hookSecret
	return newWorld(t, cfg), in
}

// TestSignature uses GitHub's published example.
// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
func TestSignature(t *testing.T) {
	const want = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := sim.Signature("It's a Secret to Everybody", []byte("Hello, World!")); got != want {
		t.Errorf("signature is %s, want %s", got, want)
	}
}

func TestWebhooksTellAJobsStory(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{Private: true})
	id := w.Queue(spec("j", "Self-Hosted", "x"))
	r := w.start("r", "self-hosted", "x")
	r.take(id)
	r.finish(id, protocol.Success)
	w.settle()

	if diff := cmp.Diff([]string{"queued queued", "in_progress in_progress", "completed completed"}, in.events()); diff != "" {
		t.Fatal(diff)
	}
	for i, want := range []map[string]any{
		{"runner_id": nil, "runner_name": nil, "conclusion": nil},
		{"runner_id": float64(r.reg.RunnerID), "runner_name": "r", "conclusion": nil},
		{"runner_id": float64(r.reg.RunnerID), "runner_name": "r", "conclusion": "success"},
	} {
		job := in.all()[i].body["workflow_job"].(map[string]any)
		want["id"], want["labels"] = float64(id), []any{"Self-Hosted", "x"}
		for key, value := range want {
			if diff := cmp.Diff(value, job[key]); diff != "" {
				t.Errorf("webhook %d, %s: %s", i, key, diff)
			}
		}
	}
	if repo := in.all()[0].body["repository"].(map[string]any); repo["private"] != true || repo["full_name"] != "octo/widgets" {
		t.Errorf("repository is %v, private %v", repo["full_name"], repo["private"])
	}
	if id <= 1<<32 {
		t.Errorf("job id %d fits into 32 bits", id)
	}
}

func TestWebhookHeaders(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	w.Ping()
	w.settle()
	got := in.all()[0]
	legacy := hmac.New(sha1.New, []byte(hookSecret))
	legacy.Write(got.raw)
	for name, want := range map[string]string{
		"X-Hub-Signature-256":                    sim.Signature(hookSecret, got.raw),
		"X-Hub-Signature":                        "sha1=" + hex.EncodeToString(legacy.Sum(nil)),
		"X-GitHub-Event":                         "ping",
		"X-GitHub-Delivery":                      w.Deliveries()[0].GUID,
		"X-GitHub-Hook-Installation-Target-Type": "repository",
		"Content-Type":                           "application/json",
		"User-Agent":                             "GitHub-Hookshot/simulated",
		"X-Simulated":                            "true",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	for _, name := range []string{"X-GitHub-Hook-ID", "X-GitHub-Hook-Installation-Target-ID"} {
		if _, err := strconv.ParseInt(got.header.Get(name), 10, 64); err != nil {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
}

// TestWebhooksHaveGitHubsFields compares the keys with GitHub's own examples.
func TestWebhooksHaveGitHubsFields(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	w.Ping()
	gated := spec("gated", "x")
	gated.Environment = "prod"
	w.Queue(gated)
	id := w.Queue(spec("j", "x"))
	r := w.start("r", "x")
	r.take(id)
	r.finish(id, protocol.Success)
	if err := w.Wait(t.Context(), func() bool { return len(w.Deliveries()) == 6 }); err != nil {
		t.Fatal(err)
	}
	events := in.all()

	for name, tc := range map[string]struct {
		event int
		file  string
	}{
		"ping":                 {0, "ping-01-repository.json"},
		"queued behind a gate": {1, "06-queued-status-waiting-deployment.json"},
		"waiting":              {2, "07-waiting-self-hosted-k8s.json"},
		"queued":               {3, "06-queued-status-waiting-deployment.json"},
		"in progress":          {4, "04-in_progress-renovate-branch-2023.json"},
		"completed":            {5, "01-completed-failure.json"},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", tc.file))
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal(content, &want); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"workflow_job", "repository", "sender", "hook", "deployment"} {
				theirs, inTheirs := want[part].(map[string]any)
				ours, inOurs := events[tc.event].body[part].(map[string]any)
				if !inTheirs || part == "deployment" && !inOurs && name == "queued" {
					continue
				}
				for _, key := range slices.Sorted(maps.Keys(theirs)) {
					if _, ok := ours[key]; !ok {
						t.Errorf("%s lacks %s", part, key)
					}
				}
				for _, key := range slices.Sorted(maps.Keys(ours)) {
					// Old examples lack what GitHub added later.
					if _, ok := theirs[key]; !ok && part != "repository" {
						t.Errorf("%s has %s, which GitHub's has not", part, key)
					}
				}
			}
			theirJob, _ := want["workflow_job"].(map[string]any)
			theirSteps, _ := theirJob["steps"].([]any)
			if len(theirSteps) == 0 {
				return
			}
			ourSteps := events[tc.event].body["workflow_job"].(map[string]any)["steps"].([]any)
			if diff := cmp.Diff(keys(theirSteps[0]), keys(ourSteps[0])); diff != "" {
				t.Errorf("steps: %s", diff)
			}
		})
	}
}

func keys(object any) []string { return slices.Sorted(maps.Keys(object.(map[string]any))) }

func TestAnEnvironmentGate(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	gated := spec("j", "x")
	gated.Environment = "prod"
	id := w.Queue(gated)
	r := w.start("r", "x")
	w.clock.Advance(time.Second)
	if err := w.Approve(id); err != nil {
		t.Fatal(err)
	}
	if err := w.Approve(id); err == nil {
		t.Error("a second approval is accepted")
	}
	r.take(id)
	r.finish(id, protocol.Success)
	w.settle()

	want := []string{"queued waiting", "waiting waiting", "queued queued", "in_progress in_progress", "completed completed"}
	if diff := cmp.Diff(want, in.events()); diff != "" {
		t.Fatal(diff)
	}
	events := in.all()
	updated := func(i int) any { return events[i].body["deployment"].(map[string]any)["updated_at"] }
	if updated(0) == updated(2) {
		t.Errorf("the deployment was updated at %v, before and after the gate", updated(0))
	}
}

func TestDeliverChangesWhatArrives(t *testing.T) {
	var held []sim.Delivery
	w, in := hookedWorld(t, sim.Config{Deliver: func(d sim.Delivery) []sim.Delivery {
		switch d.Action {
		case "queued": // late
			held = append(held, d)
			return nil
		case "in_progress": // lost
			return nil
		}
		return append([]sim.Delivery{d, d}, held...) // twice, and before what came first
	}})
	id := w.Queue(spec("j", "x"))
	r := w.start("r", "x")
	r.take(id)
	r.finish(id, protocol.Success)
	w.settle()
	if diff := cmp.Diff([]string{"completed completed", "completed completed", "queued queued"}, in.events()); diff != "" {
		t.Error(diff)
	}
	if d := w.Deliveries(); d[0].GUID != d[1].GUID || d[0].ID == d[1].ID {
		t.Errorf("a duplicate has GUIDs %s and %s, ids %d and %d", d[0].GUID, d[1].GUID, d[0].ID, d[1].ID)
	}
}

func TestAFailedDeliveryIsNotRepeatedUnasked(t *testing.T) {
	w, in := hookedWorld(t, sim.Config{})
	in.fail = 1
	w.Ping()
	w.settle()
	d := w.Deliveries()
	if len(d) != 1 || d[0].OK() || d[0].StatusCode != 500 || d[0].Status != "500 Internal Server Error" || d[0].Response != "thanks" {
		t.Fatalf("deliveries are %+v", d)
	}
	if err := w.Redeliver(d[0].ID); err != nil {
		t.Fatal(err)
	}
	w.settle()
	d = w.Deliveries()
	if len(d) != 2 || !d[1].OK() || !d[1].Redelivery || d[1].GUID != d[0].GUID || d[1].Status != "OK" {
		t.Errorf("deliveries are %+v", d)
	}
	if got := in.all(); string(got[0].raw) != string(got[1].raw) {
		t.Error("the redelivery has another body")
	}
	if err := w.Redeliver(1); err == nil {
		t.Error("a delivery that never was is redelivered")
	}
}

func TestADeliveryHasTenSeconds(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	w := newWorld(t, sim.Config{WebhookURL: slow.URL})
	w.Ping()
	w.clock.Await(10 * time.Second)
	w.clock.Advance(10 * time.Second)
	w.settle()
	if d := w.Deliveries(); len(d) != 1 || d[0].Status != "timed out" || d[0].StatusCode != 0 || d[0].Duration != 10*time.Second {
		t.Errorf("deliveries are %+v", d)
	}
}
