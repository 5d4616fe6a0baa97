package github_test

import (
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// What an App asks of itself keeps GitHub's contract, and so do the answers.
func TestAnAppShowsItself(t *testing.T) {
	client := newAppWorld(t, nil).function().Client
	info, err := client.App(t.Context())
	if err != nil || info.Slug == "" || !slices.Equal(info.Events, []string{"workflow_job"}) {
		t.Errorf("%+v, %v", info, err)
	}
	hook, err := client.AppHook(t.Context())
	if err != nil || hook.ContentType != "json" || bool(hook.InsecureSSL) {
		t.Errorf("%+v, %v", hook, err)
	}
	if deliveries, err := all(client.AppHookDeliveries(t.Context())); err != nil || len(deliveries) != 0 {
		t.Errorf("%+v, %v", deliveries, err)
	}
	if info, err := client.GetRepository(t.Context(), github.Repository{Owner: "octo", Name: "nothing"}); err == nil {
		t.Errorf("a repository that is not there: %+v", info)
	}
}
