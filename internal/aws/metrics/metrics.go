// Package metrics writes the functions' own metrics in CloudWatch's embedded
// metric format: a line of JSON on standard output, no call and no permission. Package metric lists them.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// Writer writes metrics of one fleet. It is safe for concurrent use.
type Writer struct {
	Out       io.Writer
	FleetName string
	Now       func() time.Time

	mu sync.Mutex
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name string
	Unit string
}

// Put writes one value. A metric that is not listed, or that has other labels, is logged
// and lost, and so is a line that cannot be written: no work fails because of it.
func (w *Writer) Put(name metric.Name, value float64, labels metric.Labels) {
	m, listed := metric.Of(name)
	if !listed || !m.Takes(labels) {
		slog.Warn("metric lost", "metric", string(name), "error", fmt.Sprintf("labels %v: it is not listed with them", labels))
		return
	}
	dimensions := []string{string(metric.ByFleet)}
	line := map[string]any{string(metric.ByFleet): w.FleetName, string(name): value}
	for dimension, text := range labels {
		line[string(dimension)] = text
		dimensions = append(dimensions, string(dimension))
	}
	line["_aws"] = map[string]any{
		"Timestamp": w.Now().UnixMilli(),
		"CloudWatchMetrics": []directive{{
			Namespace:  deployment.MetricNamespace,
			Dimensions: [][]string{dimensions},
			Metrics:    []definition{{string(name), string(m.Unit)}},
		}},
	}
	if err := w.write(line); err != nil {
		slog.Warn("metric lost", "metric", string(name), "error", err.Error())
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
