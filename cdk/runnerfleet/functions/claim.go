package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Claim is called by the HTTP API, for a runner that starts, and with enforce_policy for one
// that has a job.
var Claim = Function{
	Name:    "Claim",
	Seconds: 29,
	Memory:  hurried,
	Says:    "gives a runner its registration, and says whether policy admits its job; the HTTP API gives up after thirty seconds",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvCluster, deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvClaimKey, deployment.EnvTaskRoleID, deployment.EnvClassSizes, deployment.EnvBus,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "Query"), gitHub(), signal("Heartbeat"),
		[]grants.Statement{
			grants.Allow("claim tokens are verified", grants.ClaimKey, "secretsmanager:GetSecretValue"),
			grants.Allow("with enforce_policy, whether a job is admitted depends on the class sizes", grants.ClassSizes, "ssm:GetParameter"),
			grants.Allow("a job that a runner's hook tells of is put on the bus", grants.Bus, "events:PutEvents"),
			grants.Allow("a task that claims before it is recorded is compared with its runner", grants.Tasks, "ecs:DescribeTasks"),
		},
	),
}
