package runnerfleet

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// lambdas are the functions that were made, by their folders.
type lambdas map[string]awslambda.IFunction

func (l lambdas) of(f functions.Function) awslambda.IFunction { return l[f.Folder()] }

// step is the function that the state machine calls by a name.
func (l lambdas) step(name string) awslambda.IFunction {
	for _, f := range functions.All {
		if f.Step && f.Name == name {
			return l.of(f)
		}
	}
	panic("the state machine calls " + name + ", which is no step in package functions")
}

// functionNetwork are the networks that Lambda may connect functions to, nil for none. AWS
// knows no others than all.
func functionNetwork(c Config) *string {
	if !c.FunctionsInVPC {
		return nil
	}
	return jsii.String(grants.All)
}

func newFunctions(scope constructs.Construct, c Config, assets bundler, about arns, e events, env environment) lambdas {
	made := lambdas{}
	for _, f := range functions.All {
		made[f.Folder()] = newFunction(scope, c, assets, about, e, env, f)
	}
	return made
}

func newFunction(parent constructs.Construct, c Config, assets bundler, about arns, e events, env environment, f functions.Function) awslambda.IFunction {
	scope := constructs.NewConstruct(parent, jsii.String(f.Name))
	logs := newLogGroup(scope, "Logs", deployment.FunctionLogGroup(c.FleetName, f.Folder()), c)
	variables := env.of(f)
	about.ownLogs = logs.LogGroupArn()
	props := &awslambda.FunctionProps{
		FunctionName:  jsii.String(c.FleetName + "-" + f.Folder()),
		Description:   jsii.String("Runner fleet " + c.FleetName + ": " + f.Says),
		Runtime:       awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:  awslambda.Architecture_ARM_64(),
		Handler:       jsii.String("bootstrap"),
		Code:          awslambda.Code_FromAsset(assets.source("functions/"+f.Folder()), assets.program(f)),
		MemorySize:    jsii.Number(f.Memory),
		Timeout:       awscdk.Duration_Seconds(jsii.Number(f.Seconds)),
		Environment:   &variables,
		Role:          newRole(scope, "Role", f.Role(), "lambda.amazonaws.com", about),
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		Tracing:       awslambda.Tracing_ACTIVE,
	}
	if a := f.Asynchronous; a != nil {
		props.OnFailure = awslambdadestinations.NewSqsDestination(e.queue(a.OnFailure))
		props.MaxEventAge, props.RetryAttempts = awscdk.Duration_Seconds(jsii.Number(a.MaxAge.Seconds())), jsii.Number(a.Retries)
	}
	function := awslambda.NewFunction(scope, jsii.String("Function"), props)
	if c.FunctionsInVPC && f.CallsGitHub() {
		// Not the construct's own property: it wants a VPC, and only subnets may be known.
		function.Node().DefaultChild().(awslambda.CfnFunction).SetVpcConfig(&awslambda.CfnFunction_VpcConfigProperty{
			SubnetIds: env.network.subnetIDs, SecurityGroupIds: env.network.groupIDs,
		})
	}
	if slices.Contains(f.Reads, deployment.EnvPolicy) {
		// It knows of what images are made. A build that it asks for before the projects know
		// too is one of the images before.
		for _, project := range env.images.builders {
			function.Node().DefaultChild().(awslambda.CfnFunction).AddResourceDependency(project, nil)
		}
	}
	return function
}
