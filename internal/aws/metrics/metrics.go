// Package metrics writes the functions' own metrics in CloudWatch's embedded
// metric format: a line of JSON on standard output, no call and no permission.
//
// Each combination of dimensions is billed as a metric of its own, so no run,
// runner or repository is a dimension. The line may carry them beside the metric.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Writer writes metrics of one fleet. It is safe for concurrent use.
type Writer struct {
	Out       io.Writer
	FleetName string
	Now       func() time.Time

	mu sync.Mutex
}

// Dimensions split a metric further than by its fleet.
type Dimensions map[string]string

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name string
	Unit string
}

// Put writes one value. A name that ends in _ms is in milliseconds, one in _percent in
// percent, any other is a count. A line that cannot be written is logged and lost: no
// work fails because of it.
func (w *Writer) Put(name string, value float64, more Dimensions) {
	unit := "Count"
	switch {
	case strings.HasSuffix(name, "_ms"):
		unit = "Milliseconds"
	case strings.HasSuffix(name, "_percent"):
		unit = "Percent"
	}
	line := map[string]any{deployment.DimensionFleet: w.FleetName, name: value}
	for key, text := range more {
		line[key] = text
	}
	line["_aws"] = map[string]any{
		"Timestamp": w.Now().UnixMilli(),
		"CloudWatchMetrics": []directive{{
			Namespace:  deployment.MetricNamespace,
			Dimensions: [][]string{append([]string{deployment.DimensionFleet}, slices.Sorted(maps.Keys(more))...)},
			Metrics:    []definition{{name, unit}},
		}},
	}
	if err := w.write(line); err != nil {
		slog.Warn("metric lost", "metric", name, "error", err.Error())
	}
}

func (w *Writer) write(line any) error {
	encoded, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metric: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.Out.Write(append(encoded, '\n'))
	return err
}
