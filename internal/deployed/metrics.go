package deployed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Metrics writes the fleet's metrics.
func (f *Function) Metrics() *metrics.Writer {
	return &metrics.Writer{Out: os.Stdout, FleetName: f.policy().FleetName, Now: time.Now}
}

// MeasureWebhook counts deliveries by their outcome.
func (f *Function) MeasureWebhook() func(webhook.Outcome) {
	writer := f.Metrics()
	return func(outcome webhook.Outcome) { countDelivery(writer, outcome) }
}

func countDelivery(writer *metrics.Writer, outcome webhook.Outcome) {
	switch outcome {
	case webhook.Accepted, webhook.Refused, webhook.Ignored, webhook.Pong:
		writer.Put(deployment.MetricWebhookAccepted, 1, nil)
	case webhook.Unauthorized, webhook.Forbidden:
		writer.Put(deployment.MetricWebhookRejected, 1, nil)
	}
}

// mostWaiting bounds the count of runs that wait for room.
const mostWaiting = 1000

// MeasureSweep counts what a sweep repaired, and what it found: open runners, runs that
// wait, and what is left of GitHub's limits. It returns all errors of the sweep as one.
func (f *Function) MeasureSweep(records *dynamo.Store) func(ctx context.Context, repairs sweep.Repairs, failed ...error) error {
	return measureSweep(f.Metrics(), records)
}

// counted is what a sweep's metrics are read from.
type counted interface {
	Capacity(ctx context.Context) (fleet.Capacity, error)
	WaitingForRoom(ctx context.Context, limit int) ([]string, error)
	Cursor(ctx context.Context, name string) (string, error)
}

func measureSweep(writer *metrics.Writer, records counted) func(ctx context.Context, repairs sweep.Repairs, failed ...error) error {
	return func(ctx context.Context, repairs sweep.Repairs, failed ...error) error {
		// A minute without a delivery is a zero. Without one, an alarm could not tell a fleet
		// that hears nothing from one that was deployed just now.
		writer.Put(deployment.MetricWebhookAccepted, 0, nil)
		for cause, n := range repairs {
			writer.Put(deployment.MetricRepairs, float64(n), metrics.Dimensions{deployment.DimensionCause: string(cause)})
		}
		capacity, err := records.Capacity(ctx)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		waiting, err := records.WaitingForRoom(ctx, mostWaiting)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		text, err := records.Cursor(ctx, fleet.GitHubUsageCursor)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		measureGitHub(writer, text)
		writer.Put(deployment.MetricOpenRunners, float64(capacity.Open), nil)
		writer.Put(deployment.MetricWaitingRuns, float64(len(waiting)), nil)
		return errors.Join(failed...)
	}
}

// measureGitHub measures what the sweep has just kept.
func measureGitHub(writer *metrics.Writer, kept string) {
	var usage fleet.GitHubUsage
	if json.Unmarshal([]byte(kept), &usage) != nil {
		return // no sweep has ended yet
	}
	for _, b := range usage.Budgets {
		writer.Put(deployment.MetricGitHubLeft, 100*float64(b.Left(usage.At))/float64(b.Limit), nil)
	}
	for kind, n := range usage.Last {
		writer.Put(deployment.MetricPutOff, float64(n), metrics.Dimensions{deployment.DimensionKind: kind})
	}
}

// StatusBus is the bus for runner.status events, of which metrics are taken.
type StatusBus struct {
	Bus     eventbus.Bus
	Metrics *metrics.Writer
}

// Put puts the event and measures it. An event that is put again is measured again.
func (b StatusBus) Put(ctx context.Context, event fleet.Event) error {
	if err := b.Bus.Put(ctx, event); err != nil {
		return err
	}
	var status struct {
		Runner fleet.Runner `json:"runner"`
		Run    *fleet.Run   `json:"run"`
	}
	if err := json.Unmarshal(event.Detail, &status); err != nil {
		return fmt.Errorf("read event %s (%s): %w", event.ID, event.DetailType, err)
	}
	if run := status.Run; run != nil && run.RanOn == status.Runner.RunnerID {
		if queued := report.OfRun(*run, &status.Runner).Stages.Queue; queued != nil {
			b.Metrics.Put(deployment.MetricQueueTime, float64(*queued), nil)
		}
	}
	return nil
}
