// Command lambda is the function recordstatus on AWS.
package main

import (
	"crypto/rand"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
)

func main() {
	f := border.New()
	records := dynamo.Records(f)
	gh := githubapi.Of(f, records)
	lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, ecsfleet.Tasks(f))
	step := recordstatus.Step{Fleet: lc, Images: records, Notices: operations.Notices(f, gh, records), Bus: eventbus.Of(f), NewID: rand.Text, Metrics: metrics.Of(f)}
	border.Start(f, step.Run)
}
