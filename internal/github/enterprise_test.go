package github_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

// The requests for an enterprise's runners are those that GitHub describes, on GitHub itself
// and on a server.
func TestRunnersOfAnEnterprise(t *testing.T) {
	for name, path := range map[string]string{"on GitHub": "", "on an Enterprise Server": "/api/v3"} {
		t.Run(name, func(t *testing.T) {
			hub := enterprise(t, sim.Config{Token: "t", Scopes: []string{"repo", github.RunnersScope}}, path)
			place := hub.Scope.Place
			if err := hub.CanRegister(t.Context(), appRepository, false); err != nil {
				t.Fatal(err)
			}
			made, config, err := hub.Register(t.Context(), place, "a", []string{"x"})
			if err != nil || config == "" {
				t.Fatal(made, err)
			}
			if found, ok, err := hub.Registration(t.Context(), place, "a"); err != nil || !ok || found.ID != made.ID {
				t.Errorf("%+v, %t, %v", found, ok, err)
			}
			if page, err := hub.RegistrationsPage(t.Context(), place, fleet.Page[fleet.Registration]{}); err != nil || len(page.Items) != 1 {
				t.Errorf("%+v, %v", page.Items, err)
			}
			if release, err := hub.LatestRunner(t.Context(), place); err != nil || release.Version == "" {
				t.Errorf("%+v, %v", release, err)
			}
			if budget, err := hub.Budget(t.Context(), place, time.Now()); err != nil || !budget.Known() {
				t.Errorf("%+v, %v", budget, err)
			}
			if err := hub.Delete(t.Context(), place, made.ID); err != nil {
				t.Error(err)
			}
			hub.Scope.Group = "nosuch"
			if err := hub.CanRegister(t.Context(), appRepository, false); !fleet.IsNamed(err, fleet.GitHubNoRunnerGroup) || !strings.Contains(err.Error(), `enterprise corp has no runner group "nosuch" (it has Default, Fleet)`) {
				t.Error(err)
			}
		})
	}
}

// GitHub takes a classic token alone, of an owner of the enterprise.
func TestACredentialThatMayNotRegisterInTheEnterprise(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  sim.Config
		name string
	}{
		"a classic token without the scope": {sim.Config{Token: "t", Scopes: []string{"repo", "admin:org"}}, fleet.GitHubNotFound},
		"a fine-grained token":              {sim.Config{Token: "t", Permissions: map[string]string{"administration": "write"}}, fleet.GitHubNoAccess},
	} {
		t.Run(name, func(t *testing.T) {
			hub := enterprise(t, c.cfg, "")
			_, _, failed := hub.Register(t.Context(), hub.Scope.Place, "a", []string{"x"})
			for _, err := range []error{hub.CanRegister(t.Context(), appRepository, false), failed} {
				if !fleet.IsNamed(err, c.name) || !strings.Contains(err.Error(), "a classic token with manage_runners:enterprise, of an owner") {
					t.Errorf("%v, want %s", err, c.name)
				}
			}
		})
	}
}

// Beside a GitHub App, which reads the jobs, a token registers the runners.
func TestAnAppInAnEnterprise(t *testing.T) {
	w := newAppWorld(t, func(a *sim.App) {
		a.Permissions = map[string]string{"actions": "read", "metadata": "read"}
	})
	apps := github.Apps{List: []github.App{{ID: "Iv23simulated", Keys: w.keys}}, Organization: true, Now: func() time.Time { return w.at }}
	place := fleet.EnterprisePlace("corp")
	_, _, err := github.NewForFleet(w.url, apps, http.DefaultClient).Register(t.Context(), place, "a", []string{"x"})
	if !fleet.IsNamed(err, fleet.GitHubNoAccess) || !strings.Contains(err.Error(), "no GitHub App may register runners in enterprise corp") {
		t.Errorf("an App alone: %v", err)
	}
	var asked []github.Want
	apps.PAT = wants{&asked}
	hub := github.NewForFleet(w.url, apps, http.DefaultClient)
	_, _, _ = hub.Register(t.Context(), place, "a", []string{"x"})
	if len(asked) == 0 || asked[0].Enterprise != "corp" {
		t.Errorf("the token was asked for %+v", asked)
	}
	asked = nil
	if _, err := hub.WorkflowRuns(t.Context(), appRepository, "queued", fleet.Page[fleet.WorkflowRun]{}); err != nil || len(asked) != 0 {
		t.Errorf("runs are read with the token: %+v, %v", asked, err)
	}
}

// wants is a token that notes what it is for.
type wants struct{ of *[]github.Want }

func (w wants) Token(_ context.Context, want github.Want) (github.Token, error) {
	*w.of = append(*w.of, want)
	return github.Token{Value: "t"}, nil
}

// enterprise is a fleet's GitHub with the enterprise corp.
func enterprise(t *testing.T, cfg sim.Config, path string) github.ForFleet {
	t.Helper()
	cfg.Repository, cfg.Enterprise, cfg.RunnerGroups = appRepository, "corp", []string{"Fleet"}
	simulated, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(simulated.Close)
	server := httptest.NewServer(contract.New(t).Handler(simulated))
	t.Cleanup(server.Close)
	hub := github.NewForFleet(server.URL+path, github.PAT(func(context.Context) (string, error) { return "t", nil }), http.DefaultClient)
	hub.Scope = github.Scope{Place: fleet.EnterprisePlace("corp"), Group: "fleet"}
	return hub
}
