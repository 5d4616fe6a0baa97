package runnerfleet

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// newDashboard shows how long jobs wait, what runs, and what went wrong.
func newDashboard(scope constructs.Construct, c Config, made Fleet, e events) {
	own := func(name, statistic string) awscloudwatch.IMetric { return ownMetric(c, name, statistic, 5) }
	graph := func(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String(title), Width: jsii.Number(12), Height: jsii.Number(6), Left: &metrics,
			LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0), ShowUnits: jsii.Bool(false)},
		})
	}
	executions := func(metric string) awscloudwatch.IMetric {
		return made.StateMachine.Metric(jsii.String(metric), sumOf(5))
	}
	dashboard := awscloudwatch.NewDashboard(scope, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(c.FleetName), DefaultInterval: awscdk.Duration_Hours(jsii.Number(24)),
	})
	dashboard.AddWidgets(
		graph("From queued to running, seconds", queueTimes(c)...),
		graph("Runners and waiting jobs", own(deployment.MetricOpenRunners, "Maximum"), own(deployment.MetricWaitingRuns, "Maximum")),
		graph("Launches", executions("ExecutionsStarted"), executions("ExecutionsSucceeded"), executions("ExecutionsFailed")),
		graph("Failures by name", bySearch(c, deployment.MetricRunnerFailed, deployment.DimensionError)),
		graph("Webhooks", own(deployment.MetricWebhookAccepted, "Sum"), own(deployment.MetricWebhookRejected, "Sum"), made.Functions[functions.Webhook.Folder()].MetricErrors(sumOf(5))),
		graph("Repairs by cause", bySearch(c, deployment.MetricRepairs, deployment.DimensionCause)),
		graph("Events that wait", e.failed.MetricApproximateNumberOfMessagesVisible(nil), e.lost.MetricApproximateNumberOfMessagesVisible(nil)),
		graph("Left of GitHub's limit, percent", own(deployment.MetricGitHubLeft, "Minimum")),
		graph("Requests to GitHub put off", bySearch(c, deployment.MetricPutOff, deployment.DimensionKind)),
		graph("Claims refused with 409", own(deployment.MetricClaimConflict, "Sum")),
	)
}

// queueTimes are the percentiles that people compare.
func queueTimes(c Config) (all []awscloudwatch.IMetric) {
	for _, p := range []string{"p50", "p90", "p99"} {
		all = append(all, awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String(p + "/1000"), Label: jsii.String(p), Period: minutes(5),
			UsingMetrics: &map[string]awscloudwatch.IMetric{p: ownMetric(c, deployment.MetricQueueTime, p, 5)},
		}))
	}
	return all
}

// bySearch finds the values of a dimension, which are not known beforehand.
func bySearch(c Config, metric, dimension string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(fmt.Sprintf(`SEARCH('{%s,%s,%s} MetricName="%s" %s="%s"', 'Sum', 300)`,
			deployment.MetricNamespace, deployment.DimensionFleet, dimension, metric, deployment.DimensionFleet, c.FleetName)),
		Label: jsii.String(""), Period: minutes(5),
	})
}
