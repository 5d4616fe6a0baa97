package calls

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// hub is GitHub: it has jobs, registers runners, and sends webhooks.
type hub struct {
	w *world
	// gives, if it is set, is the job that a runner gets; else it is the one it was
	// launched for.
	gives map[string]int64 // by runner id

	mu       sync.Mutex
	jobs     map[int64]*job
	requests int
}

// job is one job.
type job struct {
	id                         int64
	labels                     []string
	lasts                      time.Duration
	status, conclusion, runner string
	started, completed         time.Time
}

// header is what each answer says of the limit.
func (h *hub) header() http.Header {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests++
	return http.Header{
		"Content-Type": {"application/json"}, "X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {strconv.Itoa(4990 - h.requests)},
		"X-Ratelimit-Used": {strconv.Itoa(10 + h.requests)}, "X-Ratelimit-Resource": {"core"}, "X-Ratelimit-Reset": {strconv.FormatInt(epoch.Add(time.Hour).Unix(), 10)},
	}
}

func (h *hub) answer(r *http.Request, body []byte) (int, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	route := r.Method + " " + routeOf(r.URL.Path)
	switch route {
	case "GET actions/jobs/N":
		id, err := strconv.ParseInt(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], 10, 64)
		if err == nil && h.jobs[id] != nil {
			return http.StatusOK, h.text(h.jobs[id].api())
		}
		return http.StatusNotFound, `{"message":"Not Found"}`
	case "GET actions/runs/N":
		return http.StatusOK, `{"id":70,"status":"in_progress","conclusion":null}`
	case "POST actions/runners/generate-jitconfig":
		var in struct{ Name string }
		if err := json.Unmarshal(body, &in); err != nil {
			h.w.t.Error(err)
		}
		return http.StatusCreated, h.text(map[string]any{"runner": map[string]any{"id": 21, "name": in.Name, "os": "linux", "status": "offline", "busy": false, "labels": []any{}}, "encoded_jit_config": strings.Repeat("x", 4000)})
	case "DELETE actions/runners/N":
		return http.StatusNoContent, ""
	case "GET actions/runners":
		return http.StatusOK, `{"total_count":0,"runners":[]}`
	case "GET actions/runs":
		return http.StatusOK, `{"total_count":0,"workflow_runs":[]}`
	case "GET hooks", "GET hooks/N/deliveries":
		return http.StatusOK, `[]`
	case "GET actions/runners/downloads":
		return http.StatusOK, `[{"os":"linux","architecture":"x64","download_url":"https://github.com/actions/runner/releases/download/v2.340.0/actions-runner-linux-x64-2.340.0.tar.gz","filename":"actions-runner-linux-x64-2.340.0.tar.gz","sha256_checksum":"` + strings.Repeat("0a", 32) + `"}]`
	case "POST statuses/SHA":
		return http.StatusCreated, `{}`
	}
	h.w.t.Errorf("GitHub is asked for %s", route)
	return http.StatusNotFound, `{"message":"Not Found"}`
}

func (h *hub) text(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		h.w.t.Error(err)
	}
	return string(text)
}

// api is the job as the API and webhooks have it.
func (j *job) api() map[string]any {
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format(time.RFC3339)
	}
	out := map[string]any{
		"id": j.id, "run_id": 70, "run_attempt": 1, "status": j.status, "conclusion": nil, "name": "build", "workflow_name": "ci", "head_branch": "main",
		"head_sha": strings.Repeat("0a", 20), "html_url": fmt.Sprintf("https://github.com/%s/actions/runs/70/job/%d", repository, j.id),
		"created_at": at(epoch), "started_at": at(j.started), "completed_at": at(j.completed), "labels": j.labels, "runner_id": 0, "runner_name": "",
	}
	if j.conclusion != "" {
		out["conclusion"] = j.conclusion
	}
	if j.runner != "" {
		out["runner_id"], out["runner_name"] = 21, j.runner
	}
	return out
}

// queue makes a job and sends its webhook.
func (h *hub) queue(id int64, lasts time.Duration, labels ...string) {
	h.mu.Lock()
	h.jobs[id] = &job{id: id, labels: append([]string{"self-hosted"}, labels...), lasts: lasts, status: fleet.JobQueued}
	h.mu.Unlock()
	h.deliver(id, fleet.JobQueued)
}

// work gives a runner its job, which takes its time.
func (h *hub) work(runner string) {
	runnerID, launchedFor, _ := fleet.ParseRunnerID("ci", runner)
	h.mu.Lock()
	id := launchedFor
	if other, ok := h.gives[runnerID]; ok {
		id = other
	}
	j := h.jobs[id]
	j.status, j.runner, j.started = fleet.JobInProgress, runner, time.Now()
	h.mu.Unlock()
	go h.deliver(id, fleet.JobInProgress)
	time.Sleep(j.lasts)
	h.end(id, "success")
	h.w.pass("GitHub's runner, until it exits")
}

// end completes a job.
func (h *hub) end(id int64, conclusion string) {
	h.mu.Lock()
	j := h.jobs[id]
	j.status, j.conclusion, j.completed = fleet.JobCompleted, conclusion, time.Now()
	h.mu.Unlock()
	go h.deliver(id, fleet.JobCompleted)
}

// deliver sends a webhook. Its payload is a recorded one with this job in it.
func (h *hub) deliver(id int64, action string) {
	recorded, err := os.ReadFile("../../functions/webhook/testdata/github/workflow_job/06-queued-status-waiting-deployment.json")
	payload := map[string]any{}
	if err == nil {
		err = json.Unmarshal(recorded, &payload)
	}
	if err != nil {
		h.w.t.Errorf("read a payload: %v", err)
		return
	}
	delete(payload, "deployment")
	h.mu.Lock()
	payload["action"], payload["workflow_job"] = action, h.jobs[id].api()
	h.mu.Unlock()
	in := payload["repository"].(map[string]any)
	in["full_name"], in["name"], in["id"], in["private"], in["visibility"] = repository, "app", 17, true, "private"
	in["owner"].(map[string]any)["login"] = "octo-org"
	body := h.text(payload)
	mac := hmac.New(sha256.New, []byte(secretValue))
	mac.Write([]byte(body))
	request := h.text(map[string]any{
		"headers": map[string]string{
			"content-type": "application/json", "x-github-event": "workflow_job", "x-github-delivery": fmt.Sprintf("%d-%s", id, action), "x-github-hook-id": "5",
			"x-hub-signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
		},
		"requestContext": map[string]any{"http": map[string]string{"method": "POST"}}, "body": body,
	})
	h.w.pass("API Gateway, a request")
	answer, err := h.w.invoke(context.Background(), "webhook", "workflow_job "+action, []byte(request))
	var reply struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &reply)
	}
	if err != nil || reply.StatusCode != http.StatusAccepted {
		h.w.t.Errorf("the webhook answers %s: %v", answer, err)
	}
}
