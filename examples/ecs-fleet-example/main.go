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
	stack := awscdk.NewStack(app, jsii.String("ci"), nil)

	fleet := runnerfleet.New(stack, "Runners", runnerfleet.Props{Config: config, VPC: newVPC(stack)})
	mail(stack, fleet)
	app.Synth(nil)
}

// newVPC has private subnets with one NAT gateway, so that all runners share one
// address which others can allow.
func newVPC(stack awscdk.Stack) awsec2.IVpc {
	vpc := awsec2.NewVpc(stack, jsii.String("Network"), &awsec2.VpcProps{
		MaxAzs: jsii.Number(2), NatGateways: jsii.Number(1),
		RestrictDefaultSecurityGroup: jsii.Bool(false), // it would need a function of the CDK's own
	})
	vpc.AddFlowLog(jsii.String("Flows"), nil)
	return vpc
}

// mail hands the fleet's alarms on. A subscription is made by hand, for it has to be
// confirmed.
func mail(stack awscdk.Stack, fleet runnerfleet.Fleet) {
	topic := awssns.NewTopic(stack, jsii.String("Alarms"), &awssns.TopicProps{EnforceSSL: jsii.Bool(true)})
	for _, alarm := range fleet.Alarms {
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
}
