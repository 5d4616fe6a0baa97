package github_test

import (
	"net/http"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

func TestTheHeadCommitOfAJob(t *testing.T) {
	const sha = "9eab1c8a2d6a0e1a4a4f0a0c7c1a5d4c7f2b3e11"
	for given, want := range map[string]string{`"` + sha + `"`: sha, `"main"`: "", "null": ""} {
		hub := github.NewForFleet(apiBase, &perOwner{}, inProcess(`{"id": 7, "status": "queued", "head_sha": `+given+`}`, nil, func(*http.Request) {}))
		job, err := hub.Job(t.Context(), "octo/widgets", 7)
		if err != nil || job.HeadSHA != want {
			t.Errorf("of %s the commit is %q, %v", given, job.HeadSHA, err)
		}
	}
}
