package functions

import (
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Sweep is called by the schedule. Its time leaves room for GitHub's answers: a sweep may
// outlast the minute, and the next call finds its lease.
var Sweep = Function{
	Name:    "Sweep",
	Seconds: 120,
	Memory:  unhurried,
	Says:    "makes good what was lost, each minute",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvClassSizes, deployment.EnvTable, deployment.EnvStateMachine,
		deployment.EnvCluster, deployment.EnvBus, deployment.EnvGitHubURL, deployment.EnvGitHubPAT, deployment.EnvGitHubApps,
		deployment.EnvBuildProject, deployment.EnvRepository, deployment.EnvFailedEvents,
		deployment.EnvGitHubCA,
	},
	May: slices.Concat(
		records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), launch(), end(), signal("Success", "Failure", "Heartbeat"), failedBuilds(),
		[]grants.Statement{
			grants.Allow("open runners and holds are listed in the table itself, unfinished runs and runners, runs that wait for room and the images by an index", grants.Table, "dynamodb:Query").
				And(grants.Table+"/index/unfinished", grants.Table+"/index/waiting", grants.Table+"/index/newest"),
			grants.Allow("runners whose execution has ended are closed", grants.Executions, "states:DescribeExecution"),
			grants.Allow("pools of warm runners, and runs whose policy is asked again, need the class sizes", grants.ClassSizes, "ssm:GetParameter"),
			grants.Allow("lost events are put again", grants.Bus, "events:PutEvents"),
			grants.Allow("what dispatch could not do is done again", grants.FailedEvents, "sqs:ReceiveMessage", "sqs:DeleteMessage"),
			grants.Allow("tasks of this cluster are compared with the records; ListTasks knows container instances only, so the cluster is a condition", grants.All, "ecs:ListTasks").When("ArnEquals", "ecs:cluster", grants.Cluster),
			grants.Allow("tasks of this cluster are compared with the records", grants.Tasks, "ecs:DescribeTasks"),
			grants.Allow("unused task definitions are found and deregistered; ECS has no resources for these", grants.All,
				"ecs:ListTaskDefinitionFamilies", "ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition"),
			grants.Allow("deregistered task definitions are deleted", grants.TaskDefinitions, "ecs:DeleteTaskDefinitions"),
			published(),
			grants.Allow("old revisions of images are deleted, and what somebody else has published is not", grants.Repository, "ecr:BatchDeleteImage"),
			grants.Allow("images that no job waits for are built by these projects, and builds that are silent are looked at", grants.Projects,
				"codebuild:StartBuild", "codebuild:ListBuildsForProject", "codebuild:BatchGetBuilds"),
			grants.Imply("AWS hands on a sweep that failed", grants.MissedSweeps, "sqs:SendMessage"),
		},
		noForeignCode(),
	),
	// The next minute's sweep does the same as a second try.
	Asynchronous: &Asynchronous{OnFailure: grants.MissedSweeps, Retries: 0, MaxAge: time.Minute},
	FailureAlarm: &Alarm{
		Periods: 3,
		Says:    "The sweep has failed for a quarter of an hour, so what gets lost now may stay lost. Its log names the cause; often GitHub is down, its token is no longer good, or a class's warm runners are wrong in the parameter of the class sizes: then the rest of the sweep goes on.",
	},
}
