package runnerfleet

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// newDashboard shows package metric's charts, and beside some of them what AWS counts by
// itself.
func newDashboard(scope constructs.Construct, c Config, made Fleet, e events) {
	graph := func(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String(title), Width: jsii.Number(12), Height: jsii.Number(6), Left: &metrics,
			LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0), ShowUnits: jsii.Bool(false)},
		})
	}
	executions := func(name string) awscloudwatch.IMetric {
		return made.StateMachine.Metric(jsii.String(name), sumOf(5))
	}
	dashboard := awscloudwatch.NewDashboard(scope, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(c.FleetName), DefaultInterval: awscdk.Duration_Hours(jsii.Number(24)),
	})
	var widgets []awscloudwatch.IWidget
	for _, chart := range metric.Charts() {
		shown := chartMetrics(c, chart)
		switch chart.Series[0].Name {
		case metric.RunnerFailed:
			widgets = append(widgets, graph("Launches", executions("ExecutionsStarted"), executions("ExecutionsSucceeded"), executions("ExecutionsFailed")))
		case metric.WebhookAccepted:
			shown = append(shown, made.Functions[functions.Webhook.Folder()].MetricErrors(sumOf(5)))
		case metric.GitHubLeft:
			widgets = append(widgets, graph("Events that wait", e.failed.MetricApproximateNumberOfMessagesVisible(nil), e.lost.MetricApproximateNumberOfMessagesVisible(nil)))
		}
		widgets = append(widgets, graph(chart.Title, shown...))
	}
	dashboard.AddWidgets(widgets...)
}

// chartMetrics are the chart's metrics. Times are shown in seconds.
func chartMetrics(c Config, chart metric.Chart) (all []awscloudwatch.IMetric) {
	for _, series := range chart.Series {
		m, _ := metric.Of(series.Name)
		for _, statistic := range series.Statistics {
			switch {
			case m.Unit == metric.Milliseconds:
				all = append(all, inSeconds(c, m, statistic))
			case m.By != "":
				all = append(all, bySearch(c, m, statistic))
			default:
				all = append(all, ownMetric(c, m.Name, statistic, 5))
			}
		}
	}
	return all
}

func inSeconds(c Config, m metric.Metric, statistic string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(statistic + "/1000"), Label: jsii.String(statistic), Period: minutes(5),
		UsingMetrics: &map[string]awscloudwatch.IMetric{statistic: ownMetric(c, m.Name, statistic, 5)},
	})
}

// bySearch finds the values of a dimension, which are not known beforehand.
func bySearch(c Config, m metric.Metric, statistic string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(fmt.Sprintf(`SEARCH('{%s,%s,%s} MetricName="%s" %s="%s"', '%s', 300)`,
			deployment.MetricNamespace, metric.ByFleet, m.By, m.Name, metric.ByFleet, c.FleetName, statistic)),
		Label: jsii.String(""), Period: minutes(5),
	})
}
