package metric

import "strings"

// Prometheus returns the metric's name in Prometheus and OpenTelemetry, and what a value
// is multiplied by there: they measure in seconds and in parts of one
// (https://prometheus.io/docs/practices/naming/).
func (m Metric) Prometheus() (name string, scale float64) {
	name, scale = "ecsrunner_"+string(m.Name), 1
	switch m.Unit {
	case Milliseconds:
		name, scale = strings.TrimSuffix(name, "_ms")+"_seconds", 1e-3
	case Percent:
		name, scale = strings.TrimSuffix(name, "_percent")+"_ratio", 1e-2
	}
	if m.Kind == Counter {
		name += "_total"
	}
	return name, scale
}

// Seconds are the upper bounds of the buckets of a histogram of times: fine where queue
// times lie, coarse up to Actions' limit of six hours for a job.
func Seconds() []float64 {
	return []float64{1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 21600}
}
