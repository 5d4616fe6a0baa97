package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

func TestPut(t *testing.T) {
	at := time.UnixMilli(1700000000123)
	tests := map[string]struct {
		name  metric.Name
		value float64
		more  metric.Labels
		want  string
	}{
		"a count": {
			"open_runners", 3, nil,
			`{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[["fleet_name"]],"Metrics":[{"Name":"open_runners","Unit":"Count"}]}]},"fleet_name":"ci","open_runners":3}`,
		},
		"a time": {
			"queue_time_ms", 1234, nil,
			`{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[["fleet_name"]],"Metrics":[{"Name":"queue_time_ms","Unit":"Milliseconds"}]}]},"fleet_name":"ci","queue_time_ms":1234}`,
		},
		"a share": {
			"github_requests_left_percent", 71.5, nil,
			`{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[["fleet_name"]],"Metrics":[{"Name":"github_requests_left_percent","Unit":"Percent"}]}]},"fleet_name":"ci","github_requests_left_percent":71.5}`,
		},
		"a count by name": {
			"runner_failed", 1, metric.Labels{metric.ByError: "Runner.NoCapacity"},
			`{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"EcsRunnerFleet","Dimensions":[["fleet_name","error"]],"Metrics":[{"Name":"runner_failed","Unit":"Count"}]}]},"fleet_name":"ci","error":"Runner.NoCapacity","runner_failed":1}`,
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			var out bytes.Buffer
			w := Writer{Out: &out, FleetName: "ci", Now: func() time.Time { return at }}
			w.Put(test.name, test.value, test.more)
			if strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("CloudWatch reads one line: %q", out.String())
			}
			var got, want any
			if err := errors.Join(json.Unmarshal(out.Bytes(), &got), json.Unmarshal([]byte(test.want), &want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed pipe") }

func TestALostMetricIsLogged(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	w := Writer{Out: closed{}, FleetName: "ci", Now: time.Now}
	w.Put("open_runners", 1, nil)
	if !strings.Contains(log.String(), "open_runners") || !strings.Contains(log.String(), "closed pipe") {
		t.Errorf("log: %s", log.String())
	}
}

func TestOnlyListedMetricsAreWritten(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	for sentence, test := range map[string]struct {
		name   metric.Name
		labels metric.Labels
	}{
		"a name that is not listed":         {"repositories", nil},
		"a dimension that it does not have": {metric.OpenRunners, metric.Labels{"repository": "octo-org/app"}},
		"one too many":                      {metric.Repairs, metric.Labels{metric.ByCause: "runner_missing", "run_id": "job-7"}},
		"one too few":                       {metric.Repairs, nil},
	} {
		var log, out bytes.Buffer
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		w := Writer{Out: &out, FleetName: "ci", Now: time.Now}
		w.Put(test.name, 1, test.labels)
		if out.Len() != 0 || !strings.Contains(log.String(), "metric lost") {
			t.Errorf("%s: wrote %q, logged %q", sentence, out.String(), log.String())
		}
	}
}
