package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// RegisterTaskDefinition passes a task's two roles to ECS, as RunTask does.
var RegisterTaskDefinition = Function{
	Name:    "RegisterTaskDefinition",
	Step:    true,
	Seconds: 30,
	Memory:  unhurried,
	Says:    "finds or makes a task definition",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvRepository, deployment.EnvExecutionRole,
		deployment.EnvTaskRole, deployment.EnvRunnerLogs,
	},
	May: slices.Concat(
		records("GetItem", "PutItem"),
		[]grants.Statement{
			grants.Allow("one definition for each image; ECS has no resources for these", grants.All, "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"),
			grants.Imply("definitions carry the fleet's name", grants.TaskDefinitions, "ecs:TagResource").When("StringEquals", "ecs:CreateAction", "RegisterTaskDefinition"),
			passRoles("a task definition names its two roles"),
		},
	),
}
