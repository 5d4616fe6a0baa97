// Package instruments measures a fleet on one machine: the metrics of package metric, as
// Prometheus reads them and as OpenTelemetry exports them, from one registry.
//
// A gauge is never kept: it is read from the records at each request, so that it
// cannot be older than the answer. Counters and histograms begin at zero with the process.
package instruments

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

const (
	// mostValues bounds the values of a dimension. Beyond them all are other.
	mostValues   = 64
	other        = "other"
	longestValue = 100 // bytes

	readFor = 5 * time.Second // what reading the records may take
)

// Levels puts the gauges, as they are now.
type Levels func(ctx context.Context, to metric.Recorder) error

// Instruments take what is measured. They are safe for concurrent use.
type Instruments struct {
	registry *prometheus.Registry
	fleet    prometheus.Labels
	log      *slog.Logger

	counters   map[metric.Name]*prometheus.CounterVec
	histograms map[metric.Name]prometheus.Histogram

	mu     sync.Mutex
	values map[metric.Name]map[string]bool // of dimensions
}

// New makes the instruments of a fleet, beside those of its process: memory, goroutines,
// open files, and how the program was built.
func New(fleetName string, log *slog.Logger, levels Levels) *Instruments {
	i := &Instruments{
		registry: prometheus.NewRegistry(), fleet: prometheus.Labels{string(metric.ByFleet): strings.ToValidUTF8(fleetName, "?")}, log: log,
		counters: map[metric.Name]*prometheus.CounterVec{}, histograms: map[metric.Name]prometheus.Histogram{}, values: map[metric.Name]map[string]bool{},
	}
	i.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	gauges := gauges{instruments: i, levels: levels, descs: map[metric.Name]*prometheus.Desc{}}
	for _, m := range metric.All() {
		name, _ := m.Prometheus()
		switch m.Kind {
		case metric.Counter:
			counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: m.Meaning, ConstLabels: i.fleet}, labelNames(m))
			if m.By == "" {
				counter.WithLabelValues() // a counter that has counted nothing is zero, not absent
			}
			i.registry.MustRegister(counter)
			i.counters[m.Name] = counter
		case metric.Histogram:
			histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: m.Meaning, ConstLabels: i.fleet, Buckets: metric.Seconds()})
			i.registry.MustRegister(histogram)
			i.histograms[m.Name] = histogram
		case metric.Gauge:
			gauges.descs[m.Name] = prometheus.NewDesc(name, m.Meaning, labelNames(m), i.fleet)
		}
	}
	i.registry.MustRegister(gauges)
	return i
}

func labelNames(m metric.Metric) []string {
	if m.By == "" {
		return nil
	}
	return []string{string(m.By)}
}

// Put takes one value. One that is not listed is logged and lost, and so is a negative one
// of a counter. A gauge's is left to Levels.
func (i *Instruments) Put(name metric.Name, value float64, labels metric.Labels) {
	m, listed := metric.Of(name)
	if !listed || !m.Takes(labels) || m.Kind == metric.Counter && value < 0 {
		i.lose(name, value)
		return
	}
	_, scale := m.Prometheus()
	switch m.Kind {
	case metric.Counter:
		i.counters[name].WithLabelValues(i.labelValues(m, labels)...).Add(value * scale)
	case metric.Histogram:
		i.histograms[name].Observe(value * scale)
	case metric.Gauge:
	}
}

func (i *Instruments) lose(name metric.Name, value float64) {
	i.log.Warn("metric lost: it is not listed, or not with these labels", "metric", string(name), "value", value)
}

// labelValues are those of the metric's dimension, bounded.
func (i *Instruments) labelValues(m metric.Metric, labels metric.Labels) []string {
	if m.By == "" {
		return nil
	}
	value := strings.ToValidUTF8(labels[m.By], "?")
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.values[m.Name]
	switch {
	case known[value]:
	case len(value) > longestValue || len(known) >= mostValues:
		value = other
	case known == nil:
		i.values[m.Name] = map[string]bool{value: true}
	default:
		known[value] = true
	}
	return []string{value}
}
