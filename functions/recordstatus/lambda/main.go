// Command lambda is the function recordstatus on AWS.
package main

import (
	"context"
	"crypto/rand"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := deployed.New()
	home, measured := f.Fleet(), f.Metrics()
	home.Executions, home.GitHub, home.Tasks = f.Executions(), f.GitHub(), f.Tasks()
	step := recordstatus.Step{Fleet: home, Images: f.Records(), Bus: deployed.StatusBus{Bus: f.Bus(), Metrics: measured}, NewID: rand.Text}
	deployed.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Result, error) {
		result, err := step.Run(ctx, call)
		if err == nil && result.Error != "" {
			measured.Put(deployment.MetricRunnerFailed, 1, metrics.Dimensions{deployment.DimensionError: result.Error})
		}
		return result, err
	})
}
