package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Outputs for people, beside those of package deployment: commands to copy, and the topic
// of the alarms.
const (
	outputAlarmTopic  = "AlarmTopic"
	outputStorePAT    = "StoreGitHubPatCommand"
	outputReadWebhook = "ReadWebhookSecretCommand"
)

func addOutputs(parent constructs.Construct, p Props, made Fleet, s secrets, classSizes *string, tasks cluster, built images, e events) {
	scope := constructs.NewConstruct(parent, jsii.String("Outputs"))
	output := func(key, says string, value *string) {
		awscdk.NewCfnOutput(scope, jsii.String(key), &awscdk.CfnOutputProps{Value: value, Description: jsii.String(says)}).
			OverrideLogicalId(jsii.String(p.OutputPrefix + key))
	}
	region := stackOf(scope).Region()
	command := func(parts ...*string) *string { return awscdk.Fn_Join(jsii.String(""), &parts) }
	output(deployment.OutputFleetName, "Name of the fleet", jsii.String(p.Config.FleetName))
	output(deployment.OutputWebhookURL, "Where GitHub's webhook goes: content type application/json, event Workflow jobs", made.WebhookURL)
	output(deployment.OutputTable, "Table of the records", made.Table.TableName())
	output(deployment.OutputCluster, "ECS cluster of the runners", made.ClusterName)
	output(deployment.OutputStateMachine, "State machine: one execution for each runner", made.StateMachine.StateMachineArn())
	output(deployment.OutputRepository, "ECR repository of the runner images", made.Repository.RepositoryUri())
	output(deployment.OutputBus, "Event bus of the fleet", made.Bus.EventBusName())
	output(deployment.OutputClassSizes, "Parameter with the class sizes", classSizes)
	if s.gitHubPAT != nil {
		output(deployment.OutputGitHubPAT, "Secret with the GitHub token", s.gitHubPAT)
		output(outputStorePAT, "Stores the GitHub token, which it reads from the terminal (end with Ctrl-D)", command(
			jsii.String("aws secretsmanager put-secret-value --secret-string file:///dev/stdin --region "), region, jsii.String(" --secret-id "), s.gitHubPAT))
	}
	if s.gitHubApps != nil {
		output(deployment.OutputGitHubApps, "GitHub Apps, and the secrets with their private keys", s.gitHubApps)
	}
	output(deployment.OutputWebhookSecret, "Secret that GitHub signs webhooks with", s.webhook)
	output(deployment.OutputRunnerLogs, "Log group of the runners", tasks.logs.LogGroupName())
	output(deployment.OutputBuildProject, "CodeBuild project of the runner images", jsii.String(built.project))
	output(deployment.OutputFailedEvents, "Queue of events that the sweep handles again", e.failed.QueueUrl())
	output(deployment.OutputLostEvents, "Queue of events that nothing could handle", e.lost.QueueUrl())
	output(deployment.OutputMissedSweeps, "Queue of the minutes without a sweep", e.missedSweeps.QueueUrl())
	if version := versionOf(release, buildInfo()); version != "" {
		output(deployment.OutputVersion, "Version of the deployed code", jsii.String(version))
	}
	output(outputAlarmTopic, "Topic that alarms tell: aws sns subscribe adds an address", made.AlarmTopic.TopicArn())
	output(outputReadWebhook, "Shows the secret for GitHub's webhook settings", command(
		jsii.String("aws secretsmanager get-secret-value --query SecretString --output text --region "), region, jsii.String(" --secret-id "), s.webhook))
}
