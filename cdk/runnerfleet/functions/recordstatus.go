package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// RecordStatus serves three states: AwaitCompletion, RecordStatus and RecordFailure.
var RecordStatus = Function{
	Name:       "RecordStatus",
	Step:       true,
	EachRunner: true,
	Seconds:    100,
	Memory:     unhurried,
	Says:       "waits for a runner's end and records it",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvStateMachine, deployment.EnvCluster, deployment.EnvBus,
		deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "DeleteItem"), launch(), end(), signal("Success", "Failure"),
		[]grants.Statement{grants.Allow("a run's end is announced", grants.Bus, "events:PutEvents")},
	),
}
