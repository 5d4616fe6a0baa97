package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// TestWhyAsksGitHub: of a job without a record GitHub says how it stands, but only the
// GitHub and the repository of the fleet are asked with its credential.
func TestWhyAsksGitHub(t *testing.T) {
	const token = "the-token-of-this-test"
	const repository = "/api/v3/repos/octo-org/app/"
	answers := map[string]string{
		repository + "actions/jobs/4242": `{"id": 4242, "run_id": 1, "name": "build", "status": "queued", "labels": ["self-hosted", "class:small"], "html_url": "x", "created_at": "2026-03-01T10:00:00Z"}`,
		repository + "hooks":             `[{"id": 7, "config": {"url": "https://other.example/hook"}}, {"id": 8, "config": {"url": "https://fleet.example/webhook"}}]`,
		repository + "hooks/8/deliveries": `[{"id": 3, "event": "push", "delivered_at": "2026-03-01T10:00:02Z"}, {"id": 2, "event": "workflow_job", "action": "queued", "delivered_at": "2026-03-01T10:00:01Z"},
			{"id": 1, "event": "workflow_job", "action": "queued", "delivered_at": "2026-03-01T10:00:01Z"}]`,
		repository + "hooks/8/deliveries/2": `{"id": 2, "request": {"payload": {"workflow_job": {"id": 9}}}}`,
		repository + "hooks/8/deliveries/1": `{"id": 1, "status_code": 403, "status": "Forbidden", "request": {"payload": {"workflow_job": {"id": 4242}}}, "response": {"payload": "{\"status\": \"forbidden\", \"reason\": \"not ours\"}"}}`,
	}
	for name, c := range map[string]struct {
		asked  string
		github string // in the configuration; "" is the fleet's
		status int    // of GitHub's answer; 0 if it must not be asked
		says   []string
	}{
		"a queued job": {
			"4242", "", http.StatusOK, []string{"job-4242 is not known to this fleet: GitHub delivered its webhook ", "ago, and the fleet answered 403 forbidden: not ours.", "would be admitted; class small"},
		},
		"a job that GitHub does not show": {
			"4242", "", http.StatusNotFound, []string{"GitHub was asked, and did not show the job: ", "404"},
		},
		"GitHub refuses the token":          {"4242", "", http.StatusUnauthorized, []string{"GitHub was asked, and did not show the job: ", "401"}},
		"a URL of a repository of others":   {"%s/octo-org/secret/actions/runs/1/job/4242", "", 0, []string{"it does not serve the repository octo-org/secret"}},
		"a URL of another GitHub":           {"https://github.com/octo-org/app/actions/runs/1/job/4242", "", 0, []string{"its URL is of github.com, and this fleet serves 127.0.0.1"}},
		"a configuration of another GitHub": {"4242", "https://github.com", 0, []string{"is for https://github.com, and the fleet serves http://127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				answer, ok := answers[r.URL.Path]
				if !ok || !strings.Contains(r.Header.Get("Authorization"), token) {
					t.Errorf("GitHub was asked for %s", r.URL.Path)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, answer)
			}))
			defer hub.Close()
			dir := t.TempDir()
			store, err := sqlite.Open(t.Context(), filepath.Join(dir, sqlite.FileName))
			if err != nil {
				t.Fatal(err)
			}
			classes := map[string]fleet.Class{"small": {CPU: 512, Memory: 1024}}
			settings := report.Settings{
				FleetName: "ci", Repositories: []string{"octo-org/app"}, GitHubURL: hub.URL, ClassSizes: classes,
				Policy: &fleet.Policy{FleetName: "ci", Repositories: []string{"octo-org/app"}, Classes: classes, DefaultClass: "small", BaseImage: "base", Limits: fleet.DefaultLimits()},
			}
			if err := store.PutSettings(t.Context(), settings); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			address := c.github
			if address == "" {
				address = hub.URL
			}
			file := filepath.Join(dir, "fleet.yaml")
			if err := os.WriteFile(file, []byte("github_repo: octo-org/app\ngithub_url: "+address+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv(patVar, token)
			text := c.asked
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, hub.URL)
			}
			var out, talk bytes.Buffer
			if status := run([]string{"why", text, "--data-dir", dir, "--config", file}, &out, &talk); status != exitFailure {
				t.Errorf("exit status %d: %s", status, talk.String())
			}
			for _, says := range c.says {
				if !strings.Contains(out.String(), says) {
					t.Errorf("the page lacks %q:\n%s", says, out.String())
				}
			}
			if (asked > 0) != (c.status != 0) {
				t.Errorf("GitHub was asked %d times", asked)
			}
			if strings.Contains(out.String()+talk.String(), token) {
				t.Error("the token is shown")
			}
		})
	}
}
