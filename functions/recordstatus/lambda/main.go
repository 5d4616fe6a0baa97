// Command lambda is the function recordstatus on AWS.
package main

import (
	"context"
	"crypto/rand"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := border.New()
	records, measured := dynamo.Records(f), metrics.Of(f)
	gh := githubapi.Of(f, records)
	lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, ecsfleet.Tasks(f))
	step := recordstatus.Step{Fleet: lc, Images: records, Notices: operations.Notices(f, gh, records), Bus: statusBus{bus: eventbus.Of(f), metrics: measured}, NewID: rand.Text}
	border.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Result, error) {
		result, err := step.Run(ctx, call)
		if err == nil && result.Error != "" {
			measured.Put(deployment.MetricRunnerFailed, 1, metrics.Dimensions{deployment.DimensionError: result.Error})
		}
		return result, err
	})
}
