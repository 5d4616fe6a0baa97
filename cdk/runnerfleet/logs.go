package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// logFolder is in front of a fleet's log groups.
const logFolder = deployment.LogFolder

// vendedFolder is in front of log groups that API Gateway and Step Functions write
// to: for those of another name the account's one policy for log deliveries would
// fill up
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html).
const vendedFolder = "/aws/vendedlogs/ecsrunner/"

func newLogGroup(scope constructs.Construct, id, name string, c Config) awslogs.LogGroup {
	group := awslogs.NewLogGroup(scope, jsii.String(id), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(name),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	// The configuration has checked the number, for which the CDK has a name each.
	group.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(c.LogRetentionDays))
	return group
}
