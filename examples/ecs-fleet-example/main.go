// Command ecs-fleet-example is a CDK app of somebody who has one already: a VPC of
// their own, and a fleet of runners in it.
//
// Copy the folder, take the replace directive out of go.mod, and write your
// repository into fleet.yaml.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

func main() {
	config, err := runnerfleet.Load("fleet.yaml")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	newStack(app, config)
	app.Synth(nil)
}

func newStack(app awscdk.App, config runnerfleet.Config) awscdk.Stack {
	stack := awscdk.NewStack(app, jsii.String("ci"), nil)
	fleet := runnerfleet.New(stack, "Runners", runnerfleet.Props{Config: config, VPC: newVPC(stack)})
	mail(stack, fleet)
	return stack
}

// newVPC has private subnets with one NAT gateway, so that all runners share one
// address which others can allow.
func newVPC(stack awscdk.Stack) awsec2.IVpc {
	vpc := awsec2.NewVpc(stack, jsii.String("Network"), &awsec2.VpcProps{
		MaxAzs: jsii.Number(2), NatGateways: jsii.Number(1),
		RestrictDefaultSecurityGroup: jsii.Bool(false), // it would need a function of the CDK's own
	})
	vpc.AddFlowLog(jsii.String("Flows"), &awsec2.FlowLogOptions{
		Destination: awsec2.FlowLogDestination_ToCloudWatchLogs(awslogs.NewLogGroup(stack, jsii.String("FlowLogs"), &awslogs.LogGroupProps{
			Retention: awslogs.RetentionDays_ONE_MONTH, RemovalPolicy: awscdk.RemovalPolicy_DESTROY, // else two years, and left after a destroy
		}), nil),
	})
	return vpc
}

// mail hands the fleet's alarms on. A subscription is made by hand, for it has to be
// confirmed. Once a topic has a policy of its own, which refuses plain HTTP here, it no
// longer takes all that comes from its account: CloudWatch has to be in it.
func mail(stack awscdk.Stack, fleet runnerfleet.Fleet) {
	topic := awssns.NewTopic(stack, jsii.String("Alarms"), &awssns.TopicProps{EnforceSSL: jsii.Bool(true)})
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    &[]*string{jsii.String("sns:Publish")}, Resources: &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	}))
	for _, alarm := range fleet.Alarms {
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
}
