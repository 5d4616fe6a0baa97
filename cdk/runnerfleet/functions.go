package runnerfleet

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// settings of a function. Processor time comes with memory.
type settings struct {
	id      string // its construct's, and the word that people know it by
	seconds int    // no longer than whoever calls it waits
	memory  int    // MiB
	says    string
}

// A job waits for what has more memory: the TLS connections of a cold start take
// most of its time, and half as long with twice the processor.
const (
	unhurried = 256
	hurried   = 512
)

// functionSettings are those of each function. The steps' times are below those of
// their states, dispatch's and the sweep's leave room for GitHub's answers.
func functionSettings() map[string]settings {
	return map[string]settings{
		"webhook":                {"Webhook", 9, hurried, "verifies GitHub's webhooks; GitHub gives up after ten seconds"},
		"dispatch":               {"Dispatch", 60, hurried, "acts on what the bus, ECS, CodeBuild and Step Functions tell"},
		"claim":                  {"Claim", 29, hurried, "gives a runner its registration; the HTTP API gives up after thirty seconds"},
		"sweep":                  {"Sweep", 120, unhurried, "makes good what was lost, each minute"},
		"validate":               {"Validate", 55, hurried, "admits a job"},
		"resolveimage":           {"ResolveImage", 30, unhurried, "finds a job's image"},
		"buildimage":             {"BuildImage", 30, unhurried, "has an image built"},
		"registertaskdefinition": {"RegisterTaskDefinition", 30, unhurried, "finds or makes a task definition"},
		"runtask":                {"RunTask", 30, hurried, "starts a runner's task"},
		"inspectrunner":          {"InspectRunner", 100, unhurried, "finds out how a runner stands"},
		"recordstatus":           {"RecordStatus", 100, unhurried, "waits for a runner's end and records it"},
	}
}

// newFunctions makes all functions, by their folders.
func newFunctions(scope constructs.Construct, c Config, shop workshop, t things, e events, env environment) map[string]awslambda.IFunction {
	made := map[string]awslambda.IFunction{}
	for _, name := range deployment.Functions {
		made[name] = newFunction(scope, c, shop, t, e, env, name)
	}
	return made
}

func newFunction(parent constructs.Construct, c Config, shop workshop, t things, e events, env environment, name string) awslambda.IFunction {
	s, known := functionSettings()[name]
	if !known {
		panic("function " + name + " has no settings")
	}
	scope := constructs.NewConstruct(parent, jsii.String(s.id))
	logs := newLogGroup(scope, "Logs", logFolder+c.FleetName+"/"+name, c)
	variables := env.of(name)
	props := &awslambda.FunctionProps{
		FunctionName:  jsii.String(c.FleetName + "-" + name),
		Description:   jsii.String("Runner fleet " + c.FleetName + ": " + s.says),
		Runtime:       awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:  awslambda.Architecture_ARM_64(),
		Handler:       jsii.String("bootstrap"),
		Code:          awslambda.Code_FromAsset(shop.source("functions/"+name), assetOf(name, shop.fillFunction(name))),
		MemorySize:    jsii.Number(s.memory),
		Timeout:       awscdk.Duration_Seconds(jsii.Number(s.seconds)),
		Environment:   &variables,
		Role:          newRole(scope, "Role", name, "lambda.amazonaws.com", t, logs.LogGroupArn()),
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		Tracing:       awslambda.Tracing_ACTIVE,
	}
	switch name { // what is called asynchronously hands on what it failed to do
	case "dispatch":
		props.OnFailure = awslambdadestinations.NewSqsDestination(e.failed)
		props.MaxEventAge, props.RetryAttempts = awscdk.Duration_Hours(jsii.Number(6)), jsii.Number(2)
	case "sweep": // the next minute's does the same
		props.OnFailure = awslambdadestinations.NewSqsDestination(e.missedSweeps)
		props.MaxEventAge, props.RetryAttempts = awscdk.Duration_Minutes(jsii.Number(1)), jsii.Number(0)
	}
	function := awslambda.NewFunction(scope, jsii.String("Function"), props)
	if _, told := variables[deployment.EnvPolicy]; told {
		// It knows of what images are made. A build that it asks for before the projects know
		// too is one of the images before.
		for _, project := range env.images.builders {
			function.Node().DefaultChild().(awslambda.CfnFunction).AddResourceDependency(project, nil)
		}
	}
	return function
}

// stepFunctions are the functions that the state machine calls, by the words of its
// placeholders.
func stepFunctions(functions map[string]awslambda.IFunction) map[string]awslambda.IFunction {
	steps := map[string]awslambda.IFunction{}
	for _, step := range statemachine.Functions {
		function, ok := functions[strings.ToLower(step)]
		if !ok {
			panic("the state machine calls " + step + ", which no folder has")
		}
		steps[step] = function
	}
	return steps
}

func stepARNs(functions map[string]awslambda.IFunction) []string {
	steps := stepFunctions(functions)
	var arns []string
	for _, step := range slices.Sorted(maps.Keys(steps)) {
		arns = append(arns, *steps[step].FunctionArn())
	}
	return arns
}
