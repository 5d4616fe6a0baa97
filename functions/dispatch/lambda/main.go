// Command lambda is the function dispatch on AWS: the target of the rules on the
// fleet's bus and on the default bus.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	awsevents "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
)

func main() {
	f := border.New()
	records := dynamo.Records(f)
	lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), githubapi.Of(f, records), ecsfleet.Tasks(f))
	listener, handler := awsevents.ListenerOf(f, logs.LastLines(f)), dispatch.Handler{Fleet: lc, Images: records, Cursors: records, Policy: f.Policy()}
	border.Start(f, func(ctx context.Context, e events.EventBridgeEvent) (any, error) {
		event, ours, err := listener.Hear(e)
		if err != nil || !ours {
			return nil, err
		}
		return nil, handler.Handle(ctx, event)
	})
}
