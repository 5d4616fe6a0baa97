package instruments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// Export sends the same metrics to an OpenTelemetry receiver, by OTLP over HTTP, every
// minute. The environment says where to and how, by OpenTelemetry's own names:
// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_METRIC_EXPORT_INTERVAL
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). What cannot be sent is
// logged. stop sends once more, as long as its ctx allows.
func (i *Instruments) Export(ctx context.Context, version string) (stop func(context.Context) error, err error) {
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export metrics by OpenTelemetry: %w", err)
	}
	from, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "ecsrunner"), attribute.String("service.version", version),
		attribute.String("service.namespace", i.fleet[string(metric.ByFleet)]),
	), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	reader := sdk.NewPeriodicReader(logged{exporter, i.log}, sdk.WithProducer(prometheus.NewMetricProducer(prometheus.WithGatherer(i.registry))))
	return sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithResource(from)).Shutdown, nil
}

// logged is an exporter whose errors are in the fleet's log, not in the SDK's own.
type logged struct {
	sdk.Exporter
	log *slog.Logger
}

// Export never fails: the next one sends the same counts again.
func (l logged) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	if err := l.Exporter.Export(ctx, metrics); err != nil {
		l.log.WarnContext(ctx, "metrics are not exported", "error", err.Error())
	}
	return nil
}
