package github_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// Ids say whether a job's commit is of a fork: names change.
func TestTheOriginOfAWorkflowRun(t *testing.T) {
	origin := func(event, branch string, fork bool) fleet.Origin {
		return fleet.Origin{Event: &event, Branch: &branch, Fork: &fork}
	}
	for name, c := range map[string]struct {
		answer     string
		want       fleet.Origin
		visibility string
	}{
		"of the repository itself": {`"event": "push", "head_branch": "main", "repository": {"id": 1, "private": true, "visibility": "internal"}, "head_repository": {"id": 1}`, origin("push", "main", false), "internal"},
		"of a fork":                {`"event": "pull_request", "head_branch": "main", "repository": {"id": 1}, "head_repository": {"id": 2}`, origin("pull_request", "main", true), ""},
		"of a fork that is gone":   {`"event": "pull_request", "head_branch": "patch", "repository": {"id": 1}, "head_repository": null`, origin("pull_request", "patch", true), ""},
		"of no branch":             {`"event": "schedule", "head_branch": null, "repository": {"id": 1}, "head_repository": {"id": 1}`, origin("schedule", "", false), ""},
		"nothing is said":          {`"repository": {"private": true}`, fleet.Origin{}, ""},
		"half is said":             {`"event": "push", "repository": {"id": 1}, "head_repository": {}`, fleet.Origin{Event: new("push"), Branch: new("")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			// GitHub's description that the others are held to does not have this request.
			server := httptest.NewServer(answer(http.StatusOK, `{"id": 7, "status": "queued", `+c.answer+`}`))
			defer server.Close()
			client := github.New(server.URL+"/api/v3", token, server.Client())
			run, err := github.ForFleet{Client: client}.WorkflowRun(t.Context(), "octo/widgets", 7)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, run.Origin); diff != "" || run.Visibility != c.visibility {
				t.Errorf("visibility %q\n%s", run.Visibility, diff)
			}
		})
	}
}
