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
)

func TestPut(t *testing.T) {
	at := time.UnixMilli(1700000000123)
	tests := map[string]struct {
		name  string
		value float64
		more  Dimensions
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
			"runner_failed", 1, Dimensions{"error": "Runner.NoCapacity"},
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
