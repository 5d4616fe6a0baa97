// Package metric lists the fleet's own metrics: what each means, its unit, and what it is
// split by. The CloudWatch dashboard, the docs' table, the console and /metrics on one
// machine are made from the list, and nothing else may be measured.
//
// CloudWatch bills each combination of dimensions as a metric of its own, and Prometheus
// keeps a series for each. So a dimension only takes words of the fleet's own code: no
// repository, run, runner, label or image is one.
package metric

import "slices"

// Name is a metric's name in the functions' logs and in CloudWatch.
type Name string

// Kind is how values of a metric add up.
type Kind string

const (
	Counter   Kind = "counter"   // values are added
	Gauge     Kind = "gauge"     // the last value counts
	Histogram Kind = "histogram" // values are spread over buckets
)

// Unit is a unit as CloudWatch names it.
type Unit string

const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Percent      Unit = "Percent"
)

// Dimension is what a metric is split by, beside its fleet.
type Dimension string

const (
	ByFleet  Dimension = "fleet_name" // of every metric
	ByError  Dimension = "error"
	ByCause  Dimension = "cause"
	ByKind   Dimension = "kind"
	ByStatus Dimension = "status"
)

// Place is where a metric is measured.
type Place string

const (
	Everywhere Place = "everywhere"
	OneMachine Place = "one machine" // AWS counts it by itself, or it would be billed for little
)

// Metric is one line of the list.
type Metric struct {
	Name    Name
	Kind    Kind
	Unit    Unit
	By      Dimension // "" if it is not split further
	Meaning string
	Place   Place
}

// Labels are the values of a metric's dimension, without that of its fleet.
type Labels map[Dimension]string

// Recorder takes values.
type Recorder interface {
	// Put takes one value of a listed metric: for a counter, what is added to it.
	Put(name Name, value float64, labels Labels)
}

// Of returns the metric of a name.
func Of(name Name) (Metric, bool) {
	list := All()
	i := slices.IndexFunc(list, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return list[i], true
}

// Takes reports whether the labels are those of the metric's dimension.
func (m Metric) Takes(labels Labels) bool {
	if m.By == "" {
		return len(labels) == 0
	}
	_, ok := labels[m.By]
	return ok && len(labels) == 1
}
