package github_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

func TestGenerateJITConfig(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		json.NewDecoder(r.Body).Decode(&body)
		got := map[string]any{
			"request":    r.Method + " " + r.URL.Path,
			"accept":     r.Header.Get("Accept"),
			"version":    r.Header.Get("X-GitHub-Api-Version"),
			"agent":      r.Header.Get("User-Agent") != "",
			"credential": r.Header.Get("Authorization"),
			"body":       body,
		}
		want := map[string]any{
			"request":    "POST /api/v3/repos/octo/widgets/actions/runners/generate-jitconfig",
			"accept":     "application/vnd.github+json",
			"version":    "2022-11-28",
			"agent":      true,
			"credential": "Bearer " + secret,
			"body": map[string]any{
				"name": "f-1-1.1", "runner_group_id": 1.0, "labels": []any{"self-hosted", "class:small"}, "work_folder": "_work",
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"encoded_jit_config": "c2VjcmV0", "runner": {"id": 20000000023, "name": "f-1-1.1", "os": "unknown",
			"status": "offline", "busy": false, "runner_group_id": 1, "ephemeral": true, "version": null,
			"labels": [{"id": 5, "name": "self-hosted", "type": "read-only"}]}}`)
	})

	config, err := client.GenerateJITConfig(t.Context(), repo, github.JITRequest{
		Name: "f-1-1.1", RunnerGroupID: 1, Labels: []string{"self-hosted", "class:small"}, WorkFolder: "_work",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := github.Runner{
		ID: 20000000023, Name: "f-1-1.1", OS: "unknown", Status: "offline", RunnerGroupID: 1, Ephemeral: true,
		Labels: []github.Label{{ID: 5, Name: "self-hosted", Type: "read-only"}},
	}
	if diff := cmp.Diff(want, config.Runner); diff != "" {
		t.Error(diff)
	}
	if config.EncodedJITConfig != "c2VjcmV0" {
		t.Errorf("config is %q", config.EncodedJITConfig)
	}

	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("registered", "config", config)
	for _, shown := range []string{fmt.Sprint(config), fmt.Sprintf("%+v %#v", config, config), log.String()} {
		if strings.Contains(shown, "c2VjcmV0") {
			t.Errorf("%q shows the credential", shown)
		}
	}
}

// pages serves 250 runners, 100 a page, the way GitHub does.
func pages(w http.ResponseWriter, r *http.Request) {
	page := 1
	fmt.Sscan(r.FormValue("page"), &page)
	if page < 3 {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s/api/v3/repositories/9/actions/runners?per_page=100&page=1>; rel="first", `+
			`<http://%s/api/v3/repositories/9/actions/runners?per_page=100&page=%d>; rel="next"`, r.Host, r.Host, page+1))
	}
	io.WriteString(w, `{"total_count": 250, "runners": [`)
	for id := (page-1)*100 + 1; id <= min(page*100, 250); id++ {
		if id%100 != 1 {
			io.WriteString(w, ",")
		}
		fmt.Fprintf(w, `{"id": %d, "name": "runner-%d"}`, id, id)
	}
	io.WriteString(w, `]}`)
}

func TestRunnersFollowsThePages(t *testing.T) {
	var requests int
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		pages(w, r)
	})
	next := int64(1)
	for runner, err := range client.Runners(t.Context(), repo) {
		if err != nil || runner.ID != next {
			t.Fatalf("runner %d is %+v, %v", next, runner, err)
		}
		next++
	}
	if next != 251 || requests != 3 {
		t.Errorf("%d runners in %d requests, want 250 in 3", next-1, requests)
	}

	requests = 0
	for range client.Runners(t.Context(), repo) {
		break
	}
	if requests != 1 {
		t.Errorf("a caller that stops early costs %d requests, want 1", requests)
	}
}

func TestRunnersEndsWithTheError(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a page that is refused": answer(401, refusal("Bad credentials")),
		"a next page on another host": answer(200, `{"runners": []}`,
			"Link", `<https://elsewhere.example/api/v3/page2>; rel="next"`),
	} {
		t.Run(name, func(t *testing.T) {
			var errs []error
			for _, err := range serve(t, handler).Runners(t.Context(), repo) {
				errs = append(errs, err)
			}
			if len(errs) != 1 || errs[0] == nil {
				t.Errorf("errors are %v, want one", errs)
			}
		})
	}
}

func TestFindRunner(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		search  string
		wantID  int64
	}{
		"by the filter":                      {answer(200, `{"runners": [{"id": 4, "name": "runner-4"}]}`), "runner-4", 4},
		"nobody has the name":                {answer(200, `{"runners": []}`), "runner-4", 0},
		"by hand if the filter is not known": {pages, "runner-250", 250},
		"a longer name is another name":      {answer(200, `{"runners": [{"id": 4, "name": "runner-44"}]}`), "runner-4", 0},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("page") == "" && r.FormValue("name") != tc.search {
					t.Errorf("filter is %q", r.URL.RawQuery)
				}
				tc.handler(w, r)
			})
			runner, found, err := client.FindRunner(t.Context(), repo, tc.search)
			if err != nil || runner.ID != tc.wantID || found != (tc.wantID != 0) {
				t.Errorf("found %+v, %v, %v; want id %d", runner, found, err, tc.wantID)
			}
		})
	}
}

func TestDeleteRunner(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.URL.Path; got != "DELETE /api/v3/repos/octo/widgets/actions/runners/23" {
			t.Errorf("request is %s", got)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	if err := client.DeleteRunner(t.Context(), repo, 23); err != nil {
		t.Error(err)
	}
}

func TestGetJob(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want github.Job
	}{
		"a queued job has nulls": {
			`{"id": 14541957942, "run_id": 5373506832, "run_attempt": 2, "name": "build", "status": "queued", "conclusion": null,
			  "labels": ["self-hosted", "K8s"], "runner_id": null, "runner_name": null, "runner_group_id": null, "workflow_name": null,
			  "created_at": "2023-06-26T03:31:29Z", "started_at": "2023-06-26T03:31:29Z", "completed_at": null, "steps": []}`,
			github.Job{
				ID: 14541957942, RunID: 5373506832, RunAttempt: 2, Name: "build", Status: "queued", Labels: []string{"self-hosted", "K8s"},
				CreatedAt: time.Date(2023, 6, 26, 3, 31, 29, 0, time.UTC), StartedAt: time.Date(2023, 6, 26, 3, 31, 29, 0, time.UTC),
			},
		},
		"a completed job has a runner": {
			`{"id": 1, "status": "completed", "conclusion": "failure", "runner_id": 9, "runner_name": "f-1-1.1", "runner_group_id": 1,
			  "runner_group_name": "Default", "html_url": "https://github.com/octo/widgets/actions/runs/2/job/1",
			  "completed_at": "2020-01-22T12:13:35.123-08:00"}`,
			github.Job{
				ID: 1, Status: "completed", Conclusion: "failure", RunnerID: 9, RunnerName: "f-1-1.1", RunnerGroupID: 1, RunnerGroupName: "Default",
				HTMLURL: "https://github.com/octo/widgets/actions/runs/2/job/1", CompletedAt: time.Date(2020, 1, 22, 20, 13, 35, 123e6, time.UTC),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := serve(t, answer(200, tc.body)).GetJob(t.Context(), repo, tc.want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, job); diff != "" {
				t.Error(diff)
			}
		})
	}
}
