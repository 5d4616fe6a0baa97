package doctor

import (
	"context"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// elsewhere are the names of checks that only one kind of fleet has: see Setup.More.
var elsewhere = []string{"aws", "configuration", "disk", "engine", "github_ca", "process", "runner", "settings", "stack"}

// Names are those that a check can have, in alphabetical order.
func Names() []string {
	names := slices.Clone(elsewhere)
	for _, check := range withEverything().Checks() {
		names = append(names, check.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// withEverything is a set-up that has every check of this package. None of them is made.
func withEverything() Setup {
	var client struct{ gitHub }
	var noted struct{ records }
	return Setup{
		GitHub: client, Records: noted, Version: "v", Deployed: "v", Queues: []Queue{{}},
		WebhookSecrets: func(context.Context) ([]string, error) { return nil, nil },
		Quotas:         &Quotas{BuildsAtOnce: func(context.Context) (map[fleet.Arch]int, error) { return nil, nil }},
		Policy: fleet.Policy{
			Repositories: []string{"octo-org/app"}, GitHubApp: true, SpotRetry: 1, EnforcePolicy: true,
			Classes: map[string]fleet.Class{"small": {Arch: fleet.X64, Spot: true}},
		},
	}
}
