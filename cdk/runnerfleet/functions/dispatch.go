package functions

import (
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Dispatch is called by EventBridge's rules. Its time leaves room for GitHub's answers.
var Dispatch = Function{
	Name:    "Dispatch",
	Seconds: 60,
	Memory:  hurried,
	Says:    "acts on what the bus, ECS, CodeBuild and Step Functions tell",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvTable, deployment.EnvStateMachine, deployment.EnvCluster,
		deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps, deployment.EnvBuildProject,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), launch(), end(), signal("Success", "Failure", "Heartbeat"), failedBuilds(),
		[]grants.Statement{
			grants.Imply("AWS hands on what dispatch failed to do", grants.FailedEvents, "sqs:SendMessage"),
		},
	),
	Asynchronous: &Asynchronous{OnFailure: grants.FailedEvents, Retries: 2, MaxAge: 6 * time.Hour},
}
