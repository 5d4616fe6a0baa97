package sim_test

import (
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
