package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// InspectRunner asks GitHub and ECS. What GitHub says may end the runner of another job, or give
// the job its runner.
var InspectRunner = Function{
	Name:    "InspectRunner",
	Step:    true,
	Seconds: 100,
	Memory:  unhurried,
	Says:    "finds out how a runner stands",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvStateMachine, deployment.EnvCluster,
		deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "DeleteItem"), launch(), end(), signal("Success", "Failure"),
		[]grants.Statement{grants.Allow("ECS is asked how the task stands", grants.Tasks, "ecs:DescribeTasks")},
	),
}
