package runnerfleet

import (
	"cmp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// events are the bus, and the queues of events that were not handled.
type events struct {
	bus awsevents.EventBus
	// failed has what EventBridge could not deliver and what dispatch could not do.
	// The sweep does it again.
	failed awssqs.Queue
	// lost has what the sweep could not do either, for people.
	lost awssqs.Queue
	// missedSweeps notes the minutes without a sweep. Nothing is lost by one.
	missedSweeps awssqs.Queue
}

// queue is where a function's failed calls go.
func (e events) queue(name string) awssqs.Queue {
	queue, known := map[string]awssqs.Queue{grants.FailedEvents: e.failed, grants.MissedSweeps: e.missedSweeps}[name]
	if !known {
		panic("no queue is called " + name)
	}
	return queue
}

// An event that the sweep fails to handle is hidden for five minutes and tried
// again, about four hours long: longer than most of GitHub's outages.
const (
	hiddenMinutes = 5
	tries         = 50
)

func newEvents(parent constructs.Construct, c Config) events {
	scope := constructs.NewConstruct(parent, jsii.String("Events"))
	queue := func(id string, keep float64, props awssqs.QueueProps) awssqs.Queue {
		props.Encryption, props.EnforceSSL = awssqs.QueueEncryption_SQS_MANAGED, jsii.Bool(true)
		props.RetentionPeriod, props.RemovalPolicy = awscdk.Duration_Days(&keep), awscdk.RemovalPolicy_DESTROY
		return awssqs.NewQueue(scope, jsii.String(id), &props)
	}
	lost := queue("Lost", 14, awssqs.QueueProps{})
	return events{
		bus: awsevents.NewEventBus(scope, jsii.String("Bus"), &awsevents.EventBusProps{
			EventBusName: jsii.String(cmp.Or(c.EventBusName, c.FleetName)),
		}),
		lost: lost,
		failed: queue("Failed", 4, awssqs.QueueProps{
			VisibilityTimeout: awscdk.Duration_Minutes(jsii.Number(hiddenMinutes)),
			DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: lost, MaxReceiveCount: jsii.Number(tries)},
		}),
		missedSweeps: queue("MissedSweeps", 1, awssqs.QueueProps{}),
	}
}

// addRules leads all events that the fleet acts on to dispatch.
func addRules(parent constructs.Construct, c Config, e events, dispatch awslambda.IFunction, tasks cluster, built images, stateMachineARN *string) {
	scope := constructs.NewConstruct(parent, jsii.String("Rules"))
	rule := func(id, says string, bus awsevents.EventBus, pattern awsevents.EventPattern) {
		props := &awsevents.RuleProps{Description: jsii.String("Runner fleet " + c.FleetName + ": " + says), EventPattern: &pattern}
		if bus != nil {
			props.EventBus = bus
		}
		props.Targets = &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(dispatch, &awseventstargets.LambdaFunctionProps{
			DeadLetterQueue: e.failed, MaxEventAge: awscdk.Duration_Hours(jsii.Number(2)), RetryAttempts: jsii.Number(20),
		})}
		awsevents.NewRule(scope, jsii.String(id), props)
	}
	rule("Own", "what it tells itself", e.bus, awsevents.EventPattern{
		Source: texts(fleet.WebhookSource, fleet.SweepSource, fleet.ClaimSource, fleet.CLISource),
	})
	rule("Tasks", "its tasks", nil, awsevents.EventPattern{
		Source: texts("aws.ecs"), DetailType: texts(fleet.TaskEvent),
		Detail: &map[string]any{"clusterArn": []*string{tasks.arn}, "lastStatus": deployment.TaskStatuses},
	})
	rule("Builds", "its image builds", nil, awsevents.EventPattern{
		Source: texts("aws.codebuild"), DetailType: texts(fleet.BuildEvent, "CodeBuild Build Phase Change"),
		Detail: &map[string]any{"project-name": built.projects},
	})
	rule("Executions", "executions that ended badly", nil, awsevents.EventPattern{
		Source: texts("aws.states"), DetailType: texts(fleet.ExecutionEvent),
		Detail: &map[string]any{"stateMachineArn": []*string{stateMachineARN}, "status": deployment.ExecutionStatuses},
	})
}

// addSchedule calls the sweep each minute. A call that fails is not repeated: the
// next one is as good.
func addSchedule(parent constructs.Construct, e events, sweep awslambda.IFunction) awsscheduler.CfnSchedule {
	scope := constructs.NewConstruct(parent, jsii.String("Schedule"))
	role := newRole(scope, "Role", grants.RoleSchedule, "scheduler.amazonaws.com", arns{sweep: sweep.FunctionArn(), missedSweeps: e.missedSweeps.QueueArn()})
	return awsscheduler.NewCfnSchedule(scope, jsii.String("EachMinute"), &awsscheduler.CfnScheduleProps{
		Description:        jsii.String("Makes good what was lost"),
		ScheduleExpression: jsii.String("rate(1 minute)"),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:              sweep.FunctionArn(),
			RoleArn:          role.RoleArn(),
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: e.missedSweeps.QueueArn()},
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(60), MaximumRetryAttempts: jsii.Number(0),
			},
		},
	})
}
