package instruments

import (
	"context"
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// gauges reads the records whenever the registry is gathered.
type gauges struct {
	instruments *Instruments
	levels      Levels
	descs       map[metric.Name]*prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range g.descs {
		to <- desc
	}
}

// Collect implements prometheus.Collector. If the records do not answer, what was read
// until then is shown, and the rest is absent.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readFor)
	defer cancel()
	taken := reading{instruments: g.instruments, values: map[series]float64{}}
	if err := g.levels(ctx, taken); err != nil {
		g.instruments.log.Warn("metrics of the records are left out", "error", err.Error())
	}
	for s, value := range taken.values {
		var labels []string
		if m, _ := metric.Of(s.name); m.By != "" {
			labels = []string{s.label}
		}
		to <- prometheus.MustNewConstMetric(g.descs[s.name], prometheus.GaugeValue, value, labels...)
	}
}

type series struct {
	name  metric.Name
	label string
}

// reading takes the gauges of one moment.
type reading struct {
	instruments *Instruments
	values      map[series]float64
}

// Put takes a gauge, and nothing else. Of several values of what is left of a limit, the least counts.
func (r reading) Put(name metric.Name, value float64, labels metric.Labels) {
	m, listed := metric.Of(name)
	if !listed || !m.Takes(labels) || m.Kind != metric.Gauge {
		r.instruments.lose(name, value)
		return
	}
	_, scale := m.Prometheus()
	at := series{name: name}
	for _, label := range r.instruments.labelValues(m, labels) {
		at.label = label
	}
	if was, known := r.values[at]; known && m.Unit == metric.Percent {
		r.values[at] = math.Min(was, value*scale)
		return
	}
	r.values[at] = value * scale
}
