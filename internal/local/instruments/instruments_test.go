package instruments

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func none(context.Context, metric.Recorder) error { return nil }

// served are the lines of /metrics about the fleet, without the text about each.
func served(t *testing.T, i *Instruments) []string {
	t.Helper()
	w := httptest.NewRecorder()
	i.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "ecsrunner_") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

func TestWhatIsMeasuredIsServed(t *testing.T) {
	i := New("ci", quiet(), func(_ context.Context, to metric.Recorder) error {
		to.Put(metric.OpenRunners, 3, nil)
		to.Put(metric.Runners, 2, metric.Labels{metric.ByStatus: "RUNNING"})
		to.Put(metric.GitHubLeft, 71, nil)
		to.Put(metric.GitHubLeft, 50, nil)
		to.Put(metric.GitHubLeft, 90, nil)
		return nil
	})
	i.Put(metric.WebhookAccepted, 1, nil)
	i.Put(metric.WebhookAccepted, 0, nil)
	i.Put(metric.Repairs, 2, metric.Labels{metric.ByCause: "runner_missing"})
	i.Put(metric.QueueTime, 42_000, nil)
	i.Put(metric.OpenRunners, 99, nil) // the records count, not what a sweep put
	lines := served(t, i)
	for _, want := range []string{
		`ecsrunner_webhook_accepted_total{fleet_name="ci"} 1`,
		`ecsrunner_webhook_rejected_total{fleet_name="ci"} 0`,
		`ecsrunner_repairs_total{cause="runner_missing",fleet_name="ci"} 2`,
		`ecsrunner_queue_time_seconds_sum{fleet_name="ci"} 42`,
		`ecsrunner_queue_time_seconds_bucket{fleet_name="ci",le="30"} 0`,
		`ecsrunner_queue_time_seconds_bucket{fleet_name="ci",le="45"} 1`,
		`ecsrunner_open_runners{fleet_name="ci"} 3`,
		`ecsrunner_runners{fleet_name="ci",status="RUNNING"} 2`,
		`ecsrunner_github_requests_left_ratio{fleet_name="ci"} 0.5`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is not served:\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// TestEveryListedMetricHasAnInstrument: what is put is served under the list's name.
func TestEveryListedMetricHasAnInstrument(t *testing.T) {
	put := func(to metric.Recorder, kind func(metric.Kind) bool) {
		for _, m := range metric.All() {
			labels := metric.Labels{}
			if m.By != "" {
				labels[m.By] = "some"
			}
			if kind(m.Kind) {
				to.Put(m.Name, 1, labels)
			}
		}
	}
	i := New("ci", quiet(), func(_ context.Context, to metric.Recorder) error {
		put(to, func(k metric.Kind) bool { return k == metric.Gauge })
		return nil
	})
	put(i, func(k metric.Kind) bool { return k != metric.Gauge })
	text := strings.Join(served(t, i), "\n")
	for _, m := range metric.All() {
		name, _ := m.Prometheus()
		if !regexp.MustCompile(`(?m)^` + name + `(_count)?\{.*\} [0-9.e-]+$`).MatchString(text) {
			t.Errorf("%s is not served", name)
		}
	}
	problems, err := testutil.GatherAndLint(i.registry)
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ecsrunner_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestStrangersTextMakesNoSeries: whatever is put, the number of series is bounded.
func TestStrangersTextMakesNoSeries(t *testing.T) {
	i := New("ci\xff", quiet(), none)
	for n := range 1000 {
		i.Put(metric.RunnerFailed, 1, metric.Labels{metric.ByError: fmt.Sprintf("<script>%d\xff\n\x1b[31m", n)})
	}
	i.Put(metric.RunnerFailed, 1, metric.Labels{metric.ByError: strings.Repeat("x", 1<<20)})
	total, count := 0, 0
	for _, line := range served(t, i) {
		var n int
		if strings.HasPrefix(line, "ecsrunner_runner_failed_total{") {
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n); err != nil {
				t.Fatal(err)
			}
			total, count = total+n, count+1
			if len(line) > 300 || strings.Contains(line, "\x1b[31m\n") {
				t.Errorf("line %q", line)
			}
		}
	}
	if count != mostValues+1 || total != 1001 {
		t.Errorf("%d series that count %d, want %d and 1001", count, total, mostValues+1)
	}
}

func TestWhatIsNotListedIsLost(t *testing.T) {
	for sentence, put := range map[string]func(*Instruments){
		"a name that is not listed":     func(i *Instruments) { i.Put("repositories", 1, nil) },
		"another dimension":             func(i *Instruments) { i.Put(metric.Sweeps, 1, metric.Labels{"repository": "octo-org/app"}) },
		"less than nothing of a count":  func(i *Instruments) { i.Put(metric.Sweeps, -1, nil) },
		"a level with another's labels": func(i *Instruments) { reading{i, map[series]float64{}}.Put(metric.Sweeps, 1, nil) },
	} {
		var log bytes.Buffer
		i := New("ci", slog.New(slog.NewTextHandler(&log, nil)), none)
		before := served(t, i)
		put(i)
		if after := served(t, i); !slices.Equal(before, after) || !strings.Contains(log.String(), "metric lost") {
			t.Errorf("%s: %q, logged %q", sentence, after, log.String())
		}
	}
}

func TestTheProcessIsMeasuredWhenTheRecordsDoNotAnswer(t *testing.T) {
	var log bytes.Buffer
	i := New("ci", slog.New(slog.NewTextHandler(&log, nil)), func(context.Context, metric.Recorder) error { return errors.New("database is locked") })
	w := httptest.NewRecorder()
	i.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, "\ngo_goroutines ") || !strings.Contains(body, "ecsrunner_sweeps_total") || strings.Contains(body, "ecsrunner_open_runners") {
		t.Errorf("status %d: %s", w.Code, body)
	}
	if !strings.Contains(log.String(), "database is locked") {
		t.Errorf("log %q", log.String())
	}
}
