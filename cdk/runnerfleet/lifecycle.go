package runnerfleet

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

func stateMachineName(c Config) string { return c.FleetName + "-runner" }

// nameStateMachine is the state machine's ARN and that of its executions, put together
// from its name: the functions that start it are made first, since it calls some of them.
func nameStateMachine(scope constructs.Construct, c Config) (machine, executions *string) {
	arn := func(resource, name string) *string {
		return stackOf(scope).FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("states"), Resource: jsii.String(resource), ResourceName: jsii.String(name), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
		})
	}
	return arn("stateMachine", stateMachineName(c)), arn("execution", stateMachineName(c)+":*")
}

// newStateMachine deploys runner.asl.json as it is. Its log has failures and no data.
func newStateMachine(parent constructs.Construct, c Config, made lambdas) awsstepfunctions.StateMachine {
	scope := constructs.NewConstruct(parent, jsii.String("Lifecycle"))
	var steps []*string
	for _, step := range statemachine.Steps() {
		steps = append(steps, made.step(step).FunctionArn())
	}
	substitutions := map[string]*string{}
	for name, value := range statemachine.Values(*stackOf(scope).Partition(), func(step string) string { return *made.step(step).FunctionArn() }) {
		substitutions[name] = jsii.String(value)
	}
	return awsstepfunctions.NewStateMachine(scope, jsii.String("StateMachine"), &awsstepfunctions.StateMachineProps{
		StateMachineName:        jsii.String(stateMachineName(c)),
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromString(jsii.String(string(statemachine.Definition))),
		DefinitionSubstitutions: &substitutions,
		Role:                    newRole(scope, "Role", grants.RoleStateMachine, "states.amazonaws.com", arns{steps: steps}),
		TracingEnabled:          jsii.Bool(true),
		RemovalPolicy:           awscdk.RemovalPolicy_DESTROY,
		Logs: &awsstepfunctions.LogOptions{
			Destination:          newLogGroup(scope, "Logs", vendedFolder+c.FleetName+"/executions", c),
			Level:                awsstepfunctions.LogLevel_ERROR,
			IncludeExecutionData: jsii.Bool(false),
		},
	})
}
