package sim_test

import (
	"errors"
	"testing"

	gogithub "github.com/google/go-github/v89/github"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func TestGoGitHubRegistersRunnersOfAnOrganization(t *testing.T) {
	w := newWorld(t, sim.Config{RunnerGroups: []string{"Fleet"}})
	actions := w.independent(token).Actions
	groups, _, err := actions.ListOrganizationRunnerGroups(t.Context(), "octo", nil)
	if err != nil || len(groups.RunnerGroups) != 2 || groups.RunnerGroups[1].GetName() != "Fleet" {
		t.Fatalf("the groups are %v, %v", groups, err)
	}
	id := groups.RunnerGroups[1].GetID()
	config, _, err := actions.CreateOrgJITConfig(t.Context(), "octo", gogithub.CreateJITConfigRequest{Name: "a", RunnerGroupID: id, Labels: []string{"self-hosted"}})
	if err != nil {
		t.Fatal(err)
	}
	runner := config.GetRunner().GetID()
	if _, _, err := actions.GetRunner(t.Context(), "octo", "widgets", runner); err == nil {
		t.Error("the repository shows a runner of the organization")
	}
	if got, _, err := actions.GetOrganizationRunner(t.Context(), "octo", runner); err != nil || got.GetName() != "a" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := actions.RemoveOrganizationRunner(t.Context(), "octo", runner); err != nil {
		t.Error(err)
	}
	if _, _, err := actions.CreateOrgJITConfig(t.Context(), "octo", gogithub.CreateJITConfigRequest{Name: "b", RunnerGroupID: id + 1, Labels: []string{"x"}}); err == nil {
		t.Error("a runner is registered in a group that does not exist")
	}
}

func TestGoGitHubListsAnOrganization(t *testing.T) {
	w, _ := hookedWorld(t, sim.Config{HookOfOrganization: true})
	client := w.independent(token)
	repositories, _, err := client.Repositories.ListByOrg(t.Context(), "octo", &gogithub.RepositoryListByOrgOptions{Sort: "pushed", Direction: "desc"})
	if err != nil || len(repositories) != 1 || repositories[0].GetFullName() != "octo/widgets" || repositories[0].GetPushedAt().IsZero() {
		t.Fatalf("the repositories are %v, %v", repositories, err)
	}
	hooks, _, err := client.Organizations.ListHooks(t.Context(), "octo", nil)
	if err != nil || len(hooks) != 1 || hooks[0].GetID() != w.HookID() || hooks[0].GetType() != "Organization" {
		t.Fatalf("the webhooks are %v, %v", hooks, err)
	}
	if own, _, err := client.Repositories.ListHooks(t.Context(), "octo", "widgets", nil); err != nil || len(own) != 0 {
		t.Errorf("the repository's webhooks are %v, %v", own, err)
	}
	w.Queue(spec("j", "x"))
	w.settleWebhooks(1)
	deliveries, _, err := client.Organizations.ListHookDeliveries(t.Context(), "octo", w.HookID(), nil)
	if err != nil || len(deliveries) == 0 {
		t.Fatalf("the deliveries are %v, %v", deliveries, err)
	}
	// go-github makes an error of every 202.
	_, _, err = client.Organizations.RedeliverHookDelivery(t.Context(), "octo", w.HookID(), deliveries[0].GetID())
	if _, accepted := errors.AsType[*gogithub.AcceptedError](err); !accepted {
		t.Errorf("redelivery gives %v", err)
	}
	if _, _, err := client.Repositories.ListHookDeliveries(t.Context(), "octo", "widgets", w.HookID(), nil); err == nil {
		t.Error("the repository shows the organization's deliveries")
	}
}
