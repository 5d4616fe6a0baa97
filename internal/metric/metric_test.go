package metric_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

func TestTheList(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range metric.All() {
		prometheus, _ := m.Prometheus()
		if seen[prometheus] || seen[string(m.Name)] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[prometheus], seen[string(m.Name)] = true, true
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(string(m.Name)) || !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(prometheus) {
			t.Errorf("%s is %s in Prometheus: names are snake_case", m.Name, prometheus)
		}
		if m.Meaning == "" || !slices.Contains([]metric.Place{metric.Everywhere, metric.OneMachine}, m.Place) {
			t.Errorf("%s: %+v", m.Name, m)
		}
		if m.Kind == metric.Counter && m.Unit != metric.Count {
			t.Errorf("%s counts %s", m.Name, m.Unit)
		}
	}
}

func TestNamesInPrometheus(t *testing.T) {
	for name, want := range map[metric.Name]string{
		metric.QueueTime: "ecsrunner_queue_time_seconds", metric.GitHubLeft: "ecsrunner_github_requests_left_ratio",
		metric.WebhookAccepted: "ecsrunner_webhook_accepted_total", metric.OpenRunners: "ecsrunner_open_runners",
	} {
		m, ok := metric.Of(name)
		if got, _ := m.Prometheus(); !ok || got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	for sentence, c := range map[string]struct {
		name   metric.Name
		labels metric.Labels
		want   bool
	}{
		"none, of a metric that has none": {metric.OpenRunners, nil, true},
		"the metric's own":                {metric.Repairs, metric.Labels{metric.ByCause: "runner_missing"}, true},
		"none, of a metric that has one":  {metric.Repairs, nil, false},
		"another's":                       {metric.Repairs, metric.Labels{metric.ByKind: "runs"}, false},
		"one more":                        {metric.Repairs, metric.Labels{metric.ByCause: "runner_missing", "run_id": "job-7"}, false},
	} {
		m, _ := metric.Of(c.name)
		if m.Takes(c.labels) != c.want {
			t.Errorf("%s: taken is %t", sentence, !c.want)
		}
	}
}

func TestEveryMetricOfAWSIsInAChart(t *testing.T) {
	charted := map[metric.Name]bool{}
	for _, chart := range metric.Charts() {
		for _, s := range chart.Series {
			if _, ok := metric.Of(s.Name); !ok || charted[s.Name] || len(s.Statistics) == 0 {
				t.Errorf("chart %q: %+v", chart.Title, s)
			}
			charted[s.Name] = true
		}
	}
	for _, m := range metric.All() {
		if (m.Place == metric.Everywhere) != charted[m.Name] {
			t.Errorf("%s is measured %s, in a chart: %t", m.Name, m.Place, charted[m.Name])
		}
	}
}
