package fleet_test

import (
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestPlaces(t *testing.T) {
	repositories := []string{"octo/a", "Octo/b", "else/c"}
	for name, c := range map[string]struct {
		policy fleet.Policy
		first  string
		hooks  []string
	}{
		"each job's repository": {fleet.Policy{Repositories: repositories}, "octo/a", repositories},
		"an organization":       {fleet.Policy{Organization: "octo", Repositories: repositories[:2]}, "octo/", []string{"octo/", "octo/a", "Octo/b"}},
		"a whole organization":  {fleet.Policy{Organization: "octo"}, "octo/", []string{"octo/"}},
		"an enterprise":         {fleet.Policy{Enterprise: "corp", Repositories: repositories}, "/corp", []string{"octo/", "else/", "octo/a", "Octo/b", "else/c"}},
		"nothing":               {},
	} {
		t.Run(name, func(t *testing.T) {
			shared := c.policy.SharedPlace()
			if c.policy.FirstPlace() != c.first || fleet.IsShared(c.first) != (shared != "") || shared != "" && shared != c.first {
				t.Errorf("runners are registered in %q, and questions asked in %q", shared, c.policy.FirstPlace())
			}
			if hooks := fleet.HookPlaces(shared, c.policy.Repositories); !slices.Equal(hooks, c.hooks) {
				t.Errorf("webhooks are looked for in %q", hooks)
			}
		})
	}
}
