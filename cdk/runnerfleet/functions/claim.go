package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Claim is called by the HTTP API, for a runner that starts.
var Claim = Function{
	Name:    "Claim",
	Seconds: 29,
	Memory:  hurried,
	Says:    "gives a runner its registration; the HTTP API gives up after thirty seconds",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvCluster, deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvClaimKey, deployment.EnvTaskRoleID,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "BatchGetItem"), gitHub(), signal("Heartbeat"),
		[]grants.Statement{
			grants.Allow("claim tokens are verified", grants.ClaimKey, "secretsmanager:GetSecretValue"),
			grants.Allow("a task that claims before it is recorded is compared with its runner", grants.Tasks, "ecs:DescribeTasks"),
		},
	),
}
