package sim_test

import (
	"testing"

	gogithub "github.com/google/go-github/v89/github"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func TestGoGitHubRegistersRunnersOfAnEnterprise(t *testing.T) {
	w := newWorld(t, sim.Config{Enterprise: "corp", RunnerGroups: []string{"Fleet"}})
	client := w.independent(token)
	enterprise := client.Enterprise
	groups, _, err := enterprise.ListRunnerGroups(t.Context(), "corp", nil)
	if err != nil || len(groups.RunnerGroups) != 2 || groups.RunnerGroups[1].GetName() != "Fleet" || !groups.RunnerGroups[0].GetDefault() {
		t.Fatalf("the groups are %v, %v", groups, err)
	}
	id := groups.RunnerGroups[1].GetID()
	config, _, err := enterprise.CreateJITConfig(t.Context(), "corp", gogithub.CreateJITConfigRequest{Name: "a", RunnerGroupID: id, Labels: []string{"self-hosted"}})
	if err != nil {
		t.Fatal(err)
	}
	runner := config.GetRunner().GetID()
	if _, _, err := client.Actions.GetOrganizationRunner(t.Context(), "octo", runner); err == nil {
		t.Error("the organization shows a runner of the enterprise")
	}
	if got, _, err := enterprise.GetRunner(t.Context(), "corp", runner); err != nil || got.GetName() != "a" || got.GetRunnerGroupID() != id {
		t.Errorf("%v, %v", got, err)
	}
	if all, _, err := enterprise.ListRunners(t.Context(), "corp", nil); err != nil || all.TotalCount != 1 || all.Runners[0].GetID() != runner {
		t.Errorf("the runners are %v, %v", all, err)
	}
	if _, err := enterprise.RemoveRunner(t.Context(), "corp", runner); err != nil {
		t.Error(err)
	}
	if _, _, err := enterprise.CreateJITConfig(t.Context(), "corp", gogithub.CreateJITConfigRequest{Name: "b", RunnerGroupID: id + 1, Labels: []string{"x"}}); err == nil {
		t.Error("a runner is registered in a group that does not exist")
	}
	if _, _, err := enterprise.ListRunners(t.Context(), "other", nil); err == nil {
		t.Error("there is an enterprise that does not exist")
	}
	if downloads, _, err := enterprise.ListRunnerApplicationDownloads(t.Context(), "corp"); err != nil || len(downloads) == 0 {
		t.Errorf("the downloads are %v, %v", downloads, err)
	}
}
