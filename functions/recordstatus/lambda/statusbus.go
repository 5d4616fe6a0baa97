package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// statusBus is the bus for runner.status events, of which metrics are taken.
type statusBus struct {
	bus     eventbus.Bus
	metrics *metrics.Writer
}

// Put puts the event and measures it. An event that is put again is measured again.
func (b statusBus) Put(ctx context.Context, event fleet.Event) error {
	if err := b.bus.Put(ctx, event); err != nil {
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
			b.metrics.Put(deployment.MetricQueueTime, float64(*queued), nil)
		}
	}
	return nil
}
