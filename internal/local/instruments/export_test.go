package instruments

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// receiver takes OTLP over HTTP, as a collector does.
type receiver struct {
	t      *testing.T
	status int

	mu       sync.Mutex
	received []*collector.ExportMetricsServiceRequest
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(req.Body)
		if err != nil {
			r.t.Error(err)
			return
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	request := new(collector.ExportMetricsServiceRequest)
	if err == nil {
		err = proto.Unmarshal(raw, request)
	}
	if err != nil || req.Method != "POST" || req.URL.Path != "/v1/metrics" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		r.t.Errorf("%s %s (%s): %v", req.Method, req.URL.Path, req.Header.Get("Content-Type"), err)
	}
	r.received = append(r.received, request)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(r.status)
}

// metrics are those that were received, by their names.
func (r *receiver) metrics() map[string]*otlp.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]*otlp.Metric{}
	for _, request := range r.received {
		for _, resource := range request.ResourceMetrics {
			for _, scope := range resource.ScopeMetrics {
				for _, m := range scope.Metrics {
					all[m.Name] = m
				}
			}
		}
	}
	return all
}

func TestTheSameMetricsAreExported(t *testing.T) {
	r := &receiver{t: t, status: http.StatusOK}
	server := httptest.NewServer(r)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	i := New("ci", quiet(), func(_ context.Context, to metric.Recorder) error {
		to.Put(metric.OpenRunners, 3, nil)
		return nil
	})
	stop, err := i.Export(t.Context(), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	i.Put(metric.Repairs, 2, metric.Labels{metric.ByCause: "runner_missing"})
	i.Put(metric.QueueTime, 42_000, nil)
	if err := stop(t.Context()); err != nil { // sends once more
		t.Fatal(err)
	}

	got := r.metrics()
	repairs := got["ecsrunner_repairs_total"].GetSum()
	if repairs == nil || !repairs.IsMonotonic || repairs.AggregationTemporality != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || len(repairs.DataPoints) != 1 || repairs.DataPoints[0].GetAsDouble() != 2 {
		t.Errorf("repairs %v", repairs)
	} else {
		attributes := map[string]string{}
		for _, a := range repairs.DataPoints[0].Attributes {
			attributes[a.Key] = a.Value.GetStringValue()
		}
		if len(attributes) != 2 || attributes["cause"] != "runner_missing" || attributes["fleet_name"] != "ci" {
			t.Errorf("repairs have %v", attributes)
		}
	}
	if queue := got["ecsrunner_queue_time_seconds"].GetHistogram(); queue == nil || len(queue.DataPoints) != 1 || queue.DataPoints[0].GetSum() != 42 || queue.DataPoints[0].Count != 1 || !slices.Equal(queue.DataPoints[0].ExplicitBounds, metric.Seconds()) {
		t.Errorf("queue time %v", queue)
	}
	if open := got["ecsrunner_open_runners"].GetGauge(); open == nil || len(open.DataPoints) != 1 || open.DataPoints[0].GetAsDouble() != 3 {
		t.Errorf("open runners %v", open)
	}
	resource := map[string]string{}
	for _, a := range r.received[0].ResourceMetrics[0].Resource.Attributes {
		resource[a.Key] = a.Value.GetStringValue()
	}
	if resource["service.name"] != "ecsrunner" || resource["service.version"] != "v1.2.3" || resource["service.namespace"] != "ci" || resource["deployment.environment"] != "test" {
		t.Errorf("resource %v", resource)
	}
}

// TestTheEndpointOfMetricsAlone: the name that is for metrics alone has the whole address.
func TestTheEndpointOfMetricsAlone(t *testing.T) {
	r := &receiver{t: t, status: http.StatusOK}
	server := httptest.NewServer(r)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", server.URL+"/v1/metrics")
	stop, err := New("ci", quiet(), none).Export(t.Context(), "")
	if err == nil {
		err = stop(t.Context())
	}
	if err != nil || len(r.metrics()) == 0 {
		t.Errorf("received %d metrics, %v", len(r.metrics()), err)
	}
}

func TestAReceiverThatRefusesIsLogged(t *testing.T) {
	r := &receiver{t: t, status: http.StatusForbidden}
	server := httptest.NewServer(r)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	var log bytes.Buffer
	stop, err := New("ci", slog.New(slog.NewTextHandler(&log, nil)), none).Export(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(t.Context()); err != nil || !strings.Contains(log.String(), "metrics are not exported") || !strings.Contains(log.String(), "403") {
		t.Errorf("%v, log %q", err, log.String())
	}
}
