package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// stackFleet is the fleet's name within a stack of its own. All logical ids begin with it.
const stackFleet = "Fleet"

// NewStack makes a stack with one fleet, as this repository's own app does: named
// ecsrunner-<fleet_name>, in aws_region, or else in the deployer's region.
func NewStack(app constructs.Construct, props Props) (awscdk.Stack, Fleet) {
	name, stackProps := stackOfItsOwn(props.Config)
	stack := awscdk.NewStack(app, jsii.String(name), stackProps)
	return stack, New(stack, stackFleet, props)
}

// stackOfItsOwn is how the stack of one fleet is called and described.
func stackOfItsOwn(c Config) (name string, props *awscdk.StackProps) {
	name = "ecsrunner-" + c.FleetName
	props = &awscdk.StackProps{
		StackName:   jsii.String(name),
		Description: jsii.String("Runner fleet " + c.FleetName + ": ephemeral GitHub Actions runners on ECS Fargate"),
	}
	if c.AWSRegion != "" {
		props.Env = &awscdk.Environment{Region: jsii.String(c.AWSRegion)}
	}
	return name, props
}
