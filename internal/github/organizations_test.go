package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

// The requests for an organization's repositories and webhooks are those that GitHub
// describes, with a token and as an App that may do no more than it needs.
func TestAnOrganization(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(receiver.Close)
	hub, err := sim.New(sim.Config{Repository: appRepository, Token: "t", Private: true, HookOfOrganization: true, WebhookURL: receiver.URL})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(contract.New(t).Handler(hub))
	t.Cleanup(server.Close)
	token := github.NewForFleet(server.URL, github.PAT(func(context.Context) (string, error) { return "t", nil }), http.DefaultClient)

	w := newAppWorld(t, func(a *sim.App) {
		a.Permissions = map[string]string{"actions": "read", "metadata": "read", "organization_self_hosted_runners": "write"}
	})
	app := github.NewForFleet(w.url, github.Apps{
		List: []github.App{{ID: "Iv23simulated", Keys: w.keys}}, Organization: true, Now: func() time.Time { return w.at },
	}, http.DefaultClient)

	const org = "octo-org"
	for name, hub := range map[string]github.ForFleet{"with a token": token, "as an App": app} {
		for list, ask := range map[string]func(context.Context, string, fleet.Page[fleet.ListedRepository]) (fleet.Page[fleet.ListedRepository], error){
			"all": hub.RepositoriesPage, "by push": hub.PushedPage,
		} {
			page, err := ask(t.Context(), org, fleet.Page[fleet.ListedRepository]{})
			if err != nil || len(page.Items) != 1 || page.Items[0].Name != appRepository || page.Items[0].PushedAt.IsZero() || page.Items[0].ID == 0 {
				t.Errorf("%s, %s: %+v, %v", name, list, page.Items, err)
			}
		}
	}

	place := fleet.OrganizationPlace(org)
	hub.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}})
	if err := hub.Wait(t.Context(), func() bool { return len(hub.Deliveries()) == 1 }); err != nil {
		t.Fatal(err)
	}
	for hook, err := range token.Hooks(t.Context(), place) {
		if err != nil || hook.ID != hub.HookID() || hook.URL != receiver.URL {
			t.Errorf("webhook %+v, %v", hook, err)
		}
	}
	page, err := token.DeliveriesPage(t.Context(), place, hub.HookID(), fleet.Page[fleet.Delivery]{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Status != http.StatusBadGateway || page.Items[0].Foreign {
		t.Fatalf("the deliveries are %+v, %v", page.Items, err)
	}
	if err := token.Redeliver(t.Context(), place, hub.HookID(), page.Items[0].ID); err != nil {
		t.Error(err)
	}
	if _, err := token.DeliveriesPage(t.Context(), appRepository, hub.HookID(), fleet.Page[fleet.Delivery]{}); !fleet.IsNamed(err, fleet.GitHubNotFound) {
		t.Errorf("asked at the repository: %v", err)
	}
}

// The webhook of an App reports all its installations. Those that the fleet does not serve
// are not asked for again.
func TestDeliveriesOfAnotherInstallation(t *testing.T) {
	w := newAppWorld(t, nil)
	answers := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/app/hook/deliveries" {
			return http.DefaultTransport.RoundTrip(r)
		}
		rec := httptest.NewRecorder()
		fmt.Fprintf(rec, `[{"id":2,"guid":"a","status_code":500,"event":"workflow_job","installation_id":1},`+
			`{"id":1,"guid":"b","status_code":500,"event":"workflow_job","installation_id":%d}]`, w.hub.InstallationID())
		return rec.Result(), nil
	})
	hub := github.NewForFleet(w.url, github.Apps{
		List: []github.App{{ID: "Iv23simulated", Keys: w.keys}}, Organization: true, Now: func() time.Time { return w.at },
	}, &http.Client{Transport: answers})
	page, err := hub.DeliveriesPage(t.Context(), fleet.OrganizationPlace("octo-org"), fleet.AppHook, fleet.Page[fleet.Delivery]{})
	if err != nil || len(page.Items) != 2 || !page.Items[0].Foreign || page.Items[1].Foreign {
		t.Errorf("%+v, %v", page.Items, err)
	}
}
