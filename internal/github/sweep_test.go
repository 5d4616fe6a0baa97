package github_test

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// all returns what an iterator yields before its end or its error.
func all[T any](seq iter.Seq2[T, error]) (got []T, err error) {
	for one, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, one)
	}
	return got, nil
}

func TestHooks(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("page") == "2" {
			io.WriteString(w, `[{"id": 8, "name": "web", "active": false, "config": {"content_type": "form"}}]`)
			return
		}
		if got := r.Method + " " + r.URL.RequestURI(); got != "GET /api/v3/repos/octo/widgets/hooks?per_page=100" {
			t.Errorf("request is %s", got)
		}
		w.Header().Set("Link", fmt.Sprintf(`<http://%s/api/v3/repositories/9/hooks?per_page=100&page=2>; rel="next"`, r.Host))
		io.WriteString(w, `[{"id": 7, "name": "web", "active": true, "config": {"url": "https://fleet.example/webhook", "secret": "********"}}]`)
	})
	got, err := all(github.ForFleet{Client: client}.Hooks(t.Context(), "octo/widgets"))
	want := []fleet.Hook{{ID: 7, URL: "https://fleet.example/webhook"}, {ID: 8}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	refused := serve(t, answer(404, `{"message": "Not Found"}`))
	if _, err := all(refused.Hooks(t.Context(), repo)); !fleet.IsNamed(err, fleet.GitHubNotFound) {
		t.Errorf("a credential that may not see them: %v", err)
	}
}

func TestHookDeliveries(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("cursor") != "" {
			io.WriteString(w, `[{"id": 1, "guid": "g", "status": "timed out", "status_code": 0, "redelivery": false, "action": null,
				"installation_id": null, "repository_id": null, "throttled_at": null, "event": "ping"}]`)
			return
		}
		w.Header().Set("Link", fmt.Sprintf(`<http://%s/api/v3/repositories/9/hooks/7/deliveries?per_page=100&cursor=v1_1>; rel="next"`, r.Host))
		io.WriteString(w, `[{"id": 20000000002, "guid": "g", "delivered_at": "2021-05-12T20:33:44Z", "redelivery": true, "duration": 0.03,
			"status": "OK", "status_code": 204, "event": "workflow_job", "action": "queued", "installation_id": 5, "repository_id": 6,
			"throttled_at": "2021-05-12T20:33:40Z"}]`)
	})
	got, err := all(client.HookDeliveries(t.Context(), repo, 7))
	if err != nil {
		t.Fatal(err)
	}
	want := []github.Delivery{
		{
			ID: 20000000002, GUID: "g", DeliveredAt: time.Date(2021, 5, 12, 20, 33, 44, 0, time.UTC), Redelivery: true, Duration: 0.03,
			Status: "OK", StatusCode: 204, Event: "workflow_job", Action: "queued", InstallationID: 5, RepositoryID: 6,
			ThrottledAt: time.Date(2021, 5, 12, 20, 33, 40, 0, time.UTC),
		},
		{ID: 1, GUID: "g", Status: "timed out", Event: "ping"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !got[0].OK() || got[1].OK() {
		t.Errorf("OK is %v and %v, want true and false", got[0].OK(), got[1].OK())
	}
}

func TestRedeliver(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.URL.Path; got != "POST /api/v3/repos/octo/widgets/hooks/7/deliveries/12/attempts" {
			t.Errorf("request is %s", got)
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "{}")
	})
	if err := client.Redeliver(t.Context(), repo, 7, 12); err != nil {
		t.Error(err)
	}
}

func TestAPageElsewhereIsNotAskedFor(t *testing.T) {
	client := serve(t, answer(200, `{"workflow_runs": [{"id": 1}]}`, "Link", `<https://elsewhere.example/api/v3/page2>; rel="next"`))
	runs, err := all(client.WorkflowRuns(t.Context(), repo, "queued"))
	if len(runs) != 1 || err == nil || !strings.HasPrefix(err.Error(), "list /repos/octo/widgets/actions/runs: the next page is ") {
		t.Errorf("runs are %v, error is %v", runs, err)
	}
}

func TestVersionOfADownload(t *testing.T) {
	for file, want := range map[string]string{
		"actions-runner-linux-x64-2.336.0.tar.gz":    "2.336.0",
		"actions-runner-linux-arm64-2.400.10.tar.gz": "2.400.10",
		"actions-runner-win-x64-2.336.0.zip":         "2.336.0",
		"actions-runner-linux-x64.tar.gz":            "",
		"":                                           "",
	} {
		if got := (github.RunnerDownload{Filename: file}).Version(); got != want {
			t.Errorf("the version of %q is %q, want %q", file, got, want)
		}
	}
}
