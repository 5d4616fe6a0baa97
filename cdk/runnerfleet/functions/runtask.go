package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// RunTask returns once the task is started. Its state ends when the runner has a job.
var RunTask = Function{
	Name:       "RunTask",
	Step:       true,
	EachRunner: true,
	Seconds:    30,
	Memory:     hurried,
	Says:       "starts a runner's task",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvCluster, deployment.EnvSubnets,
		deployment.EnvSecurityGroups, deployment.EnvAssignPublicIP, deployment.EnvAPIURL, deployment.EnvClaimKey,
	},
	May: slices.Concat(
		records("GetItem", "PutItem"), signal("Success", "Failure"),
		[]grants.Statement{
			grants.Allow("tasks are started in this cluster only", grants.TaskDefinitions, "ecs:RunTask").When("ArnEquals", "ecs:cluster", grants.Cluster),
			grants.Imply("tasks carry the fleet's and the runner's name", grants.Tasks, "ecs:TagResource").When("StringEquals", "ecs:CreateAction", "RunTask"),
			grants.Allow("a task that is not wanted any more is stopped", grants.Tasks, "ecs:StopTask"),
			grants.Allow("claim tokens are made", grants.ClaimKey, "secretsmanager:GetSecretValue"),
			passRoles("a task gets its definition's roles"),
		},
	),
}
