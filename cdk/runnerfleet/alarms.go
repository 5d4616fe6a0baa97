package runnerfleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// silentHours is how many hours without a good webhook raise an alarm. There is no key
// for it: a fleet that rests at weekends alarms then.
const silentHours = 24

// five is the period of most alarms, in minutes.
const five = 5

// alarm is one condition that people should know of.
type alarm struct {
	id      string
	metric  awscloudwatch.IMetric
	atLeast float64
	// of periods in a row; 1 unless given
	of    int
	below bool   // turns it round: less than atLeast alarms
	says  string // what happened, what to do
}

// alarms lists them all. An alarm's text goes to the engineer on call: what it
// means first, then where to look.
func alarms(c Config, made Fleet, e events) []alarm {
	executions := func(name string) awscloudwatch.IMetric {
		return made.StateMachine.Metric(jsii.String(name), sumOf(five))
	}
	own := func(name metric.Name, minutes float64, statistic string) awscloudwatch.IMetric {
		return ownMetric(c, name, statistic, minutes)
	}
	return slices.Concat([]alarm{
		{id: "ExecutionsFailed", metric: total(five, executions("ExecutionsFailed"), executions("ExecutionsTimedOut"), executions("ExecutionsAborted")), atLeast: 3,
			says: "Three or more runners could not be run within five minutes. Their executions are red in the Step Functions console and name the error; docs/operations.md says what to do about each."},
		{id: "ExecutionsThrottled", metric: executions("ExecutionThrottled"), atLeast: 1,
			says: "Step Functions throttles the fleet's executions: jobs start late. Lower max_runners, or ask AWS for a higher StateTransition quota."},
		{id: "EventsWait", metric: e.failed.MetricApproximateAgeOfOldestMessage(&awscloudwatch.MetricOptions{Period: minutes(five), Statistic: jsii.String("Maximum")}), atLeast: 30 * 60,
			says: "An event has waited half an hour for dispatch to handle it, in spite of the sweep's tries. Read the log of the function dispatch, and of sweep; often GitHub is down or its token is no longer good."},
		{id: "EventsLost", metric: e.lost.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{Period: minutes(five), Statistic: jsii.String("Maximum")}), atLeast: 1,
			says: "An event could not be handled for hours and was put aside. Look at it in the queue Lost; the sweep finds out by itself how its job stands, so it can be deleted when the cause is mended."},
	}, functionAlarms(made), []alarm{
		{id: "ClaimedTwice", metric: own(metric.ClaimConflict, five, "Sum"), atLeast: 1,
			says: "Two containers claimed one runner. The fleet deleted its registration, unless it had a job, and starts another runner. Look for from_its_task in the log of the function claim: true means that the runner's own job or a restart asked; false means that its image shows no identity, and that someone may have read the claim token. docs/security.md says who can, and what to do."},
		{id: "RunsWait", metric: own(metric.WaitingRuns, 60, "Minimum"), atLeast: 1,
			says: "Jobs have waited for room for an hour. Raise max_runners, and with it the account's quota of Fargate vCPUs if need be."},
		{id: "GitHubLimit", metric: own(metric.GitHubLeft, five, "Minimum"), atLeast: 10, below: true,
			says: "Less than a tenth is left of the requests that GitHub answers to the fleet's credential in an hour. Without any, jobs wait for the next hour. The sweep leaves half by itself: ecsrunner cluster status says who asks, and docs/operations.md what to do."},
		{id: "NoWebhooks", metric: own(metric.WebhookAccepted, 60, "Sum"), atLeast: 1, of: silentHours, below: true, // the sweep measures a zero each minute
			says: fmt.Sprintf("No good webhook has come for %d hours. If there should have been jobs: look at Recent Deliveries in the repository's webhook settings; 401 means that the secrets differ, no delivery that the webhook is gone or inactive.", silentHours)},
	})
}

// functionAlarms are those about calls that Lambda refuses, by what is lost with them, and
// about calls that fail. Lambda refuses calls when the account has no more concurrency, for
// every function alike: so of the steps those are looked at that each runner takes, as an alarm
// costs by the metric.
func functionAlarms(made Fleet) []alarm {
	var called, steps []awscloudwatch.IMetric
	var names []string
	var failures []alarm
	for _, f := range functions.All {
		function := made.Functions[f.Folder()]
		switch {
		case f.EachRunner:
			steps = append(steps, function.MetricThrottles(sumOf(five)))
		case !f.Step:
			called, names = append(called, function.MetricThrottles(sumOf(five))), append(names, f.Folder())
		}
		if f.FailureAlarm != nil {
			failures = append(failures, alarm{id: f.Name + "Fails", metric: function.MetricErrors(sumOf(five)), atLeast: 1, of: f.FailureAlarm.Periods, says: f.FailureAlarm.Says})
		}
	}
	last := len(names) - 1
	return append([]alarm{
		{id: "EntryThrottled", metric: total(five, called...), atLeast: 1,
			says: "Lambda throttles " + strings.Join(names[:last], ", ") + " or " + names[last] + ": webhooks are lost until the sweep finds their jobs. Raise the account's quota of concurrent executions (new accounts have 10)."},
		{id: "StepsThrottled", metric: total(five, steps...), atLeast: 1,
			says: "Lambda throttles the steps of executions: they are tried again, and jobs start late. Raise the account's quota of concurrent executions (new accounts have 10)."},
	}, failures...)
}

func newAlarms(parent constructs.Construct, c Config, made Fleet, e events) []awscloudwatch.Alarm {
	scope, topic := constructs.NewConstruct(parent, jsii.String("Alarms")), made.AlarmTopic
	var all []awscloudwatch.Alarm
	for _, a := range alarms(c, made, e) {
		props := &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(c.FleetName + "-" + a.id),
			AlarmDescription:   jsii.String(a.says),
			Metric:             a.metric,
			Threshold:          &a.atLeast,
			EvaluationPeriods:  jsii.Number(max(1, a.of)),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		}
		if a.below {
			props.ComparisonOperator = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
		}
		alarm := awscloudwatch.NewAlarm(scope, jsii.String(a.id), props)
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
		all = append(all, alarm)
	}
	return all
}

// alarmTopic is where CloudWatch publishes alarms. A topic whose policy refuses plain
// HTTP no longer takes everything from its account: the policy has to allow CloudWatch.
func alarmTopic(scope constructs.Construct, p Props) awssns.ITopic {
	topic := p.AlarmTopic
	if topic == nil {
		topic = awssns.NewTopic(scope, jsii.String("AlarmTopic"), &awssns.TopicProps{
			DisplayName: jsii.String("Runner fleet " + p.Config.FleetName), EnforceSSL: jsii.Bool(true),
		})
	}
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    texts("sns:Publish"), Resources: &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stackOf(scope).Account()}},
	}))
	return topic
}

func minutes(n float64) awscdk.Duration { return awscdk.Duration_Minutes(&n) }

func sumOf(n float64) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Period: minutes(n), Statistic: jsii.String("Sum")}
}

// ownMetric is a metric that the functions write.
func ownMetric(c Config, name metric.Name, statistic string, n float64) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(deployment.MetricNamespace), MetricName: jsii.String(string(name)),
		DimensionsMap: &map[string]*string{string(metric.ByFleet): jsii.String(c.FleetName)},
		Statistic:     jsii.String(statistic), Period: minutes(n), Label: jsii.String(string(name)),
	})
}

// total adds metrics up. An alarm can have ten at most.
func total(n float64, metrics ...awscloudwatch.IMetric) awscloudwatch.IMetric {
	using, sum := map[string]awscloudwatch.IMetric{}, ""
	for i, metric := range metrics {
		id := "m" + strconv.Itoa(i)
		using[id] = metric
		if i > 0 {
			sum += "+"
		}
		sum += "FILL(" + id + ",0)"
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{Expression: &sum, UsingMetrics: &using, Period: minutes(n)})
}
