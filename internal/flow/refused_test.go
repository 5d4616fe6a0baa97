//go:build aws

package flow

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// decides are the calls that a decision takes: the records, the bus, the state machine, and
// what a function reads of its own configuration.
var decides = []string{"dynamodb:", "events:PutEvents", "states:", "ssm:GetParameter", "secretsmanager:GetSecretValue"}

// TestNothingIsSpentOnARefusal looks at each call that the fleet makes for a job that it
// refuses: none starts anything, and none registers a runner.
func TestNothingIsSpentOnARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		as      setup
		change  func(payload map[string]any)
		labels  []string
		refused string // the rule; "" if the webhook does not even record the job
	}{
		"an image of a registry that is not listed": {labels: []string{"image:evil.example/x:1"}, refused: "image.reference"},
		"a public repository": {refused: "repository.public", change: func(p map[string]any) {
			repository := p["repository"].(map[string]any)
			repository["private"], repository["visibility"] = false, "public"
		}},
		"a fork": {refused: "policy.no-forks", as: setup{policy: func(p *fleet.Policy) {
			yes := true
			p.Rules = []fleet.Rule{{Name: "no-forks", Fork: &yes, Refuse: "Pull requests from forks use ubuntu-latest."}, {Name: "others", Allow: true}}
		}}},
		"another repository": {change: func(p map[string]any) {
			repository := p["repository"].(map[string]any)
			repository["id"], repository["name"], repository["full_name"] = 4711, "other", "octo-org/other"
		}},
		"an installation that is not the fleet's": {refused: "installation.foreign", as: setup{enterprise: newEnterprise(t)}, change: func(p map[string]any) {
			p["installation"] = map[string]any{"id": 4711}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.as.webhooks = func(d sim.Delivery) []sim.Delivery {
				if c.change != nil && d.Event == "workflow_job" {
					d.Body = changed(t, d.Body, c.change)
				}
				return []sim.Delivery{d}
			}
			w := startWith(t, c.as)
			asked := w.fromAFork()
			id := w.github.Queue(job(c.labels...))
			if c.refused == "" {
				w.await("the webhook's answer", func() bool {
					d := w.github.Deliveries()
					return len(d) > 0 && strings.Contains(d[0].Response, "is not a repository of this fleet")
				})
			} else {
				w.awaitEnd(id)
				if run := w.run(id); run.Status != fleet.RunRefused || run.Rule != c.refused || run.Reason == "" {
					t.Errorf("%s by %q: %s", run.Status, run.Rule, run.Reason)
				}
			}
			for _, call := range w.proxy.Calls() {
				made := call.Service + ":" + call.Operation
				if call.Client != "" && !slices.ContainsFunc(decides, func(begins string) bool { return strings.HasPrefix(made, begins) }) {
					t.Errorf("%s called %s", call.Client, made)
				}
			}
			for _, request := range asked() {
				if strings.Contains(request, "/actions/runners") {
					t.Errorf("GitHub was asked %s", request)
				}
			}
			if tasks := w.fargate.count(); tasks != 0 {
				t.Errorf("%d tasks", tasks)
			}
		})
	}
}

// fromAFork has GitHub say of each workflow run that its commits are in a fork, and notes
// what GitHub is asked.
func (w *world) fromAFork() (asked func() []string) {
	var mu sync.Mutex
	var all []string
	answer := func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		all = append(all, r.Method+" "+r.URL.Path)
		mu.Unlock()
		at, id, ofRun := strings.Cut(r.URL.Path, "/actions/runs/")
		if !ofRun || strings.Contains(id, "/") || strings.Contains(at, "/actions/") {
			return false
		}
		rec := httptest.NewRecorder()
		w.github.ServeHTTP(rec, r)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(changed(w.t, rec.Body.Bytes(), func(run map[string]any) {
			run["head_repository"].(map[string]any)["id"] = 4712
		}))
		return true
	}
	w.refuses.Store(&answer)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func changed(t *testing.T, body []byte, change func(map[string]any)) []byte {
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		t.Errorf("%v: %s", err, body)
		return body
	}
	change(object)
	body, err := json.Marshal(object)
	if err != nil {
		t.Error(err)
	}
	return body
}
