package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Validate asks GitHub about the job. What GitHub says may end the runner of another job, or
// give the job its runner. Meanwhile it looks whether image and task definition are there; it
// makes neither.
var Validate = Function{
	Name:       "Validate",
	Step:       true,
	EachRunner: true,
	Seconds:    55,
	Memory:     hurried,
	Says:       "admits a job",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvClassSizes, deployment.EnvTable, deployment.EnvStateMachine,
		deployment.EnvCluster, deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvGitHubCA, deployment.EnvRepository, deployment.EnvExecutionRole, deployment.EnvTaskRole, deployment.EnvRunnerLogs,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "DeleteItem"), launch(), end(), signal("Success", "Failure"),
		[]grants.Statement{
			grants.Allow("admission needs the class sizes", grants.ClassSizes, "ssm:GetParameter"),
			published(),
			grants.Allow("a definition that is there needs no registration; ECS has no resources for this", grants.All, "ecs:DescribeTaskDefinition"),
		},
	),
}
