package sim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gogithub "github.com/google/go-github/v89/github"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// A GitHub App as others write one: go-github, with tokens by ghinstallation.
func TestGoGitHubActsAsAnApp(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	// ghinstallation signs by the wall clock, so GitHub goes by it too.
	w := newWorld(t, sim.Config{Clock: sim.WallClock{}, App: &sim.App{
		ID: 77, ClientID: "Iv23simulated", Keys: []*rsa.PublicKey{&key.PublicKey},
		Permissions: map[string]string{"administration": "write", "actions": "read", "checks": "write"},
	}})
	asApp := ghinstallation.NewAppsTransportFromPrivateKey(http.DefaultTransport, 77, key)
	asApp.BaseURL = w.url
	app, err := gogithub.NewClient(gogithub.WithHTTPClient(&http.Client{Transport: asApp}), gogithub.WithEnterpriseURLs(w.url, w.url))
	if err != nil {
		t.Fatal(err)
	}
	self, _, err := app.Apps.Get(t.Context(), "")
	if err != nil || self.GetID() != 77 {
		t.Fatalf("the App is %v, %v", self, err)
	}
	installation, _, err := app.Apps.GetRepositoryInstallation(t.Context(), "octo", "widgets")
	if err != nil || installation.GetID() != w.InstallationID() {
		t.Fatalf("the installation is %v, %v", installation, err)
	}
	if _, _, err := app.Apps.ListHookDeliveries(t.Context(), nil); err != nil {
		t.Errorf("deliveries: %v", err)
	}

	asInstallation := ghinstallation.NewFromAppsTransport(asApp, installation.GetID())
	// It asks for tokens with a body of null, which GitHub's description does not allow.
	unchecked := httptest.NewServer(w.Server)
	t.Cleanup(unchecked.Close)
	asInstallation.BaseURL = unchecked.URL
	client, err := gogithub.NewClient(gogithub.WithHTTPClient(&http.Client{Transport: asInstallation}), gogithub.WithEnterpriseURLs(w.url, w.url))
	if err != nil {
		t.Fatal(err)
	}
	given, _, err := client.Apps.ListRepos(t.Context(), nil)
	if err != nil || given.GetTotalCount() != 1 || given.Repositories[0].GetFullName() != "octo/widgets" {
		t.Errorf("the installation was given %v, %v", given, err)
	}
	config, _, err := client.Actions.CreateRepoJITConfig(t.Context(), "octo", "widgets", gogithub.CreateJITConfigRequest{Name: "a", RunnerGroupID: 1, Labels: []string{"self-hosted"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Actions.RemoveRunner(t.Context(), "octo", "widgets", config.GetRunner().GetID()); err != nil {
		t.Error(err)
	}
	w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	head := w.headSHA()
	check, _, err := client.Checks.CreateCheckRun(t.Context(), "octo", "widgets", gogithub.CreateCheckRunOptions{
		Name: "fleet", HeadSHA: head, ExternalID: new("1/a"), Status: new("completed"), Conclusion: new("failure"), DetailsURL: new("https://example.com"),
		Output: &gogithub.CheckRunOutput{Title: new("title"), Summary: new("summary")},
	})
	if err != nil || check.GetConclusion() != "failure" || check.GetOutput().GetTitle() != "title" {
		t.Fatalf("the check run is %v, %v", check, err)
	}
	listed, _, err := client.Checks.ListCheckRunsForRef(t.Context(), "octo", "widgets", head, &gogithub.ListCheckRunsOptions{CheckName: new("fleet"), Filter: new("all")})
	if err != nil || listed.GetTotal() != 1 || listed.CheckRuns[0].GetExternalID() != "1/a" || listed.CheckRuns[0].GetID() != check.GetID() {
		t.Errorf("the check runs are %v, %v", listed, err)
	}
	if expires, _, err := asInstallation.Expiry(); err != nil || time.Until(expires) < 59*time.Minute {
		t.Errorf("its token expires at %v, %v", expires, err)
	}
}
