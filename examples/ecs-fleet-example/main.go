// Command ecs-fleet-example is a CDK app for a team that has one already: a VPC of
// their own, a topic for alarms, a cache for jobs, and a fleet of runners. README.md
// says how to copy it.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
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
	vpc := newVPC(stack)
	fleet := runnerfleet.New(stack, "Runners", runnerfleet.Props{
		Config: config,
		VPC:    vpc,
		// A subscription is made by hand, because it must be confirmed.
		AlarmTopic: awssns.NewTopic(stack, jsii.String("Alarms"), &awssns.TopicProps{EnforceSSL: jsii.Bool(true)}),
	})
	// Jobs reach other parts of the VPC: a security group lets the runners in.
	cache := awsec2.NewSecurityGroup(stack, jsii.String("Cache"), &awsec2.SecurityGroupProps{Vpc: vpc})
	cache.Connections().AllowFrom(fleet.Connections, awsec2.Port_Tcp(jsii.Number(6379)), jsii.String("jobs"))
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
