package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// NewStack makes a stack with one fleet, as this repository's own app does: named
// ecsrunner-<fleet_name>, in aws_region or else the region of whoever deploys.
func NewStack(app constructs.Construct, props Props) (awscdk.Stack, Fleet) {
	c := props.Config
	name := "ecsrunner-" + c.FleetName
	stackProps := &awscdk.StackProps{
		StackName:   jsii.String(name),
		Description: jsii.String("Runner fleet " + c.FleetName + ": ephemeral GitHub Actions runners on ECS Fargate"),
	}
	if c.AWSRegion != "" {
		stackProps.Env = &awscdk.Environment{Region: jsii.String(c.AWSRegion)}
	}
	stack := awscdk.NewStack(app, jsii.String(name), stackProps)
	return stack, New(stack, "Fleet", props)
}
