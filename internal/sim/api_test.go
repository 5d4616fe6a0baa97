package sim_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

func TestRefusals(t *testing.T) {
	w := newWorld(t, sim.Config{})
	busy := w.start("busy", "x")
	busy.take(w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}}))
	const register = "/repos/octo/widgets/actions/runners/generate-jitconfig"

	for name, tc := range map[string]struct {
		token, method, path string
		body                any
		status              int
		message             string
	}{
		"no token":               {"", "GET", "/repos/octo/widgets/actions/runners", nil, 401, "Requires authentication"},
		"a wrong token":          {"guess", "GET", "/repos/octo/widgets/actions/runners", nil, 401, "Bad credentials"},
		"another repository":     {token, "GET", "/repos/octo/gadgets/actions/runners", nil, 404, "Not Found"},
		"an unknown address":     {token, "GET", "/repos/octo/widgets/pulls", onPurpose{}, 404, "Not Found"},
		"an unknown runner":      {token, "GET", "/repos/octo/widgets/actions/runners/1", nil, 404, "Not Found"},
		"a runner deleted twice": {token, "DELETE", "/repos/octo/widgets/actions/runners/1", nil, 404, "Not Found"},
		"an unknown job":         {token, "GET", "/repos/octo/widgets/actions/jobs/1", nil, 404, "Not Found"},
		"an unknown run":         {token, "GET", "/repos/octo/widgets/actions/runs/1/jobs", nil, 404, "Not Found"},
		"a busy runner": {token, "DELETE", fmt.Sprintf("/repos/octo/widgets/actions/runners/%d", busy.reg.RunnerID), nil,
			422, `Bad request - Runner "busy" is still running a job`},
		"a taken name":    {token, "POST", register, jit("BUSY", "x"), 409, "Already exists - A runner with the name BUSY already exists."},
		"broken JSON":     {token, "POST", register, onPurpose{"{"}, 400, "Problems parsing JSON"},
		"no runner group": {token, "POST", register, onPurpose{`{"name": "r", "labels": ["x"]}`}, 422, "Invalid input: object is missing required key: runner_group_id."},
		"no labels key":   {token, "POST", register, onPurpose{`{"name": "r", "runner_group_id": 1}`}, 422, "Invalid input: object is missing required key: labels."},
		"empty labels":    {token, "POST", register, onPurpose{`{"name": "r", "runner_group_id": 1, "labels": []}`}, 422, "Invalid property /labels: 1 item required; only 0 were supplied."},
		"a long name":     {token, "POST", register, jit(strings.Repeat("r", 65), "x"), 422, "Invalid property /name: it must have 1 to 64 characters."},
		"a hosted group":  {token, "POST", register, `{"name": "r", "runner_group_id": 2, "labels": ["x"]}`, 403, "Runners cannot be added to the group of GitHub-hosted runners."},
		"another group":   {token, "POST", register, `{"name": "r", "runner_group_id": 3, "labels": ["x"]}`, 404, "Not Found"},
	} {
		for _, prefix := range []string{"", "/api/v3"} {
			t.Run(name+" below "+prefix+"/", func(t *testing.T) {
				got := w.ask(t.Context(), tc.token, tc.method, prefix+tc.path, tc.body)
				want := map[string]any{"message": tc.message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(tc.status)}
				if diff := cmp.Diff(want, got.body); diff != "" || got.status != tc.status {
					t.Errorf("status %d, want %d: %s", got.status, tc.status, diff)
				}
				if got.header.Get("X-GitHub-Request-Id") == "" || got.header.Get("X-Simulated") != "true" {
					t.Errorf("headers are %v", got.header)
				}
			})
		}
	}
}

func TestRunnerAsGitHubShowsIt(t *testing.T) {
	w := newWorld(t, sim.Config{})
	show := func() map[string]any {
		t.Helper()
		shown := map[string]any{}
		for _, r := range w.api("GET", "/actions/runners?name=r", nil).body["runners"].([]any) {
			for _, key := range []string{"name", "os", "status", "busy", "version", "ephemeral"} {
				shown[key] = r.(map[string]any)[key]
			}
			shown["labels"] = []string{}
			for _, l := range r.(map[string]any)["labels"].([]any) {
				shown["labels"] = append(shown["labels"].([]string), l.(map[string]any)["name"].(string))
			}
		}
		return shown
	}
	want := map[string]any{
		"name": "r", "os": "unknown", "status": "offline", "busy": false, "version": nil, "ephemeral": true,
		"labels": []string{"self-hosted", "class:small"},
	}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, show()); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}

	r := w.register("r", "self-hosted", "Class:Small")
	w.register("other", "x")
	check("registered")
	r.open()
	want["os"], want["status"], want["version"] = "linux", "online", "2.336.0"
	check("connected")
	job := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"CLASS:small"}})
	r.take(job)
	want["busy"] = true
	check("with a job")
	r.finish(job, protocol.Success)
	want = map[string]any{}
	check("after its job")
}

func TestPages(t *testing.T) {
	w := newWorld(t, sim.Config{})
	for i := range 5 {
		w.register(fmt.Sprintf("r%d", i), "x")
	}
	got := w.api("GET", "/actions/runners?per_page=2&page=2", nil)
	page := func(n int) string {
		return fmt.Sprintf("<%s%s/actions/runners?page=%d&per_page=2>", w.url, repoPath, n)
	}
	want := page(1) + `; rel="first", ` + page(1) + `; rel="prev", ` + page(3) + `; rel="next", ` + page(3) + `; rel="last"`
	if link := got.header.Get("Link"); link != want {
		t.Errorf("Link is %s, want %s", link, want)
	}
	if n := len(got.body["runners"].([]any)); n != 2 || got.body["total_count"] != 5.0 {
		t.Errorf("page has %d of %v runners", n, got.body["total_count"])
	}
	if got := w.api("GET", "/actions/runners?page=9", nil); len(got.body["runners"].([]any)) != 0 {
		t.Errorf("a page past the end is %s", got.raw)
	}
}

func TestRuns(t *testing.T) {
	w := newWorld(t, sim.Config{})
	run := w.NewRun()
	first := w.Queue(sim.JobSpec{RunID: run, Name: "a", Labels: []string{"x"}})
	w.Queue(sim.JobSpec{RunID: run, Name: "b", Labels: []string{"x"}})
	other := w.Queue(sim.JobSpec{Name: "c", Labels: []string{"never"}, Environment: "prod"})

	count := func(query string) any {
		t.Helper()
		return w.api("GET", "/actions/runs?"+query, nil).body["total_count"]
	}
	if count("status=queued") != 1.0 || count("status=waiting") != 1.0 || count("") != 2.0 {
		t.Errorf("before: %v queued, %v waiting, %v in all", count("status=queued"), count("status=waiting"), count(""))
	}
	w.start("r", "x").take(first)
	if count("status=in_progress") != 1.0 || count("status=queued") != 0.0 {
		t.Error("a run with one job running and one queued is not in progress")
	}

	jobs := w.api("GET", fmt.Sprintf("/actions/runs/%d/jobs", run), nil)
	if jobs.body["total_count"] != 2.0 {
		t.Errorf("jobs are %s", jobs.raw)
	}
	runOfOther := w.job(other).RunID
	if got := w.api("POST", fmt.Sprintf("/actions/runs/%d/cancel", runOfOther), nil); got.status != 202 || string(got.raw) != "{}" {
		t.Errorf("cancel answers %d %s", got.status, got.raw)
	}
	if got := w.api("POST", fmt.Sprintf("/actions/runs/%d/cancel", runOfOther), nil); got.status != 409 {
		t.Errorf("a second cancel answers %d", got.status)
	}
	if count("status=cancelled") != 1.0 {
		t.Error("the cancelled run is not listed by its conclusion")
	}
}

func TestAttemptsHaveTheirOwnJobs(t *testing.T) {
	w := newWorld(t, sim.Config{})
	run := w.NewRun()
	one := w.Queue(sim.JobSpec{RunID: run, Name: "a", Labels: []string{"x"}})
	two := w.Queue(sim.JobSpec{RunID: run, Attempt: 2, Name: "a", Labels: []string{"x"}})
	for path, want := range map[string][]float64{
		"/jobs":            {float64(two)},
		"/jobs?filter=all": {float64(one), float64(two)},
		"/attempts/1/jobs": {float64(one)},
	} {
		var got []float64
		for _, j := range w.api("GET", fmt.Sprintf("/actions/runs/%d%s", run, path), nil).body["jobs"].([]any) {
			got = append(got, j.(map[string]any)["id"].(float64))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestDownloads(t *testing.T) {
	w := newWorld(t, sim.Config{RunnerVersion: "2.400.1"})
	got := w.api("GET", "/actions/runners/downloads", nil)
	for _, file := range []string{"actions-runner-linux-x64-2.400.1.tar.gz", "actions-runner-linux-arm64-2.400.1.tar.gz"} {
		if !strings.Contains(string(got.raw), file) {
			t.Errorf("%s is not in %s", file, got.raw)
		}
	}
}

func TestTheRunnerIsDownloaded(t *testing.T) {
	w := newWorld(t, sim.Config{RunnerVersion: "2.400.1", RunnerArchives: map[string][]byte{"x64": []byte("archive")}})
	get := func(path string) (int, string) {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec.Code, rec.Body.String()
	}
	const folder = "/actions/runner/releases/download/"
	for path, want := range map[string]int{
		folder + "v2.400.1/actions-runner-linux-x64-2.400.1.tar.gz":   200,
		folder + "v2.335.0/actions-runner-linux-x64-2.335.0.tar.gz":   200, // an earlier one is still there
		folder + "v2.400.1/actions-runner-linux-x64-2.335.0.tar.gz":   404,
		folder + "v2.400.1/actions-runner-linux-arm64-2.400.1.tar.gz": 404,
		folder + "v2.400.1/actions-runner-linux-x64-2.400.1.zip":      404,
		folder + "v/actions-runner-linux-x64-.tar.gz":                 404,
	} {
		if status, body := get(path); status != want || want == 200 && body != "archive" {
			t.Errorf("%s: %d %q, want %d", path, status, body, want)
		}
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("archive")))
	if got := w.api("GET", "/actions/runners/downloads", nil); !strings.Contains(string(got.raw), sum) {
		t.Errorf("the checksum %s is not in %s", sum, got.raw)
	}
	w.Release("2.401.0")
	if got := w.api("GET", "/actions/runners/downloads", nil); !strings.Contains(string(got.raw), "v2.401.0/actions-runner-linux-x64-2.401.0.tar.gz") {
		t.Errorf("the next release is not in %s", got.raw)
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t, sim.Config{RateLimit: 2})
	ask := func() answer { return w.api("GET", "/actions/runners", nil) }
	ask()
	if got := ask(); got.status != 200 || got.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("the last allowed request: %d, %s remaining", got.status, got.header.Get("X-RateLimit-Remaining"))
	}
	reset := fmt.Sprint(w.clock.Now().Add(time.Hour).Unix())
	if got := ask(); got.status != http.StatusForbidden || got.header.Get("X-RateLimit-Reset") != reset {
		t.Errorf("one too many: %d until %s, want 403 until %s", got.status, got.header.Get("X-RateLimit-Reset"), reset)
	}
	if got := w.ask(t.Context(), token, "GET", "/rate_limit", nil); got.status != 200 || got.body["rate"].(map[string]any)["used"] != 2.0 {
		t.Errorf("asking for the limit: %d %s", got.status, got.raw)
	}
	w.clock.Advance(time.Hour)
	if got := ask(); got.status != 200 {
		t.Errorf("after the reset: %d", got.status)
	}
}

func TestPagesForPeopleSayThatThisIsASimulation(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	for _, path := range []string{"/", fmt.Sprintf("/octo/widgets/actions/runs/%d/job/%d", w.job(id).RunID, id), "/octo/widgets/actions/runs/1/job/1"} {
		if got := w.ask(t.Context(), "", "GET", path, nil); !strings.HasPrefix(string(got.raw), "simulated GitHub: ") {
			t.Errorf("%s says %q", path, got.raw)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]sim.Config{
		"no repository":        {Token: token},
		"half a repository":    {Token: token, Repository: "octo"},
		"more than repository": {Token: token, Repository: "octo/widgets/x"},
		"no token":             {Repository: "octo/widgets"},
	} {
		if _, err := sim.New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
