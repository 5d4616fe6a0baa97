// Command lambda is the function dispatch on AWS: the target of the rules on the
// fleet's bus and on the default bus.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	home, records := f.Fleet(), f.Records()
	home.Executions, home.GitHub, home.Tasks = f.Executions(), f.GitHub(), f.Tasks()
	listener, handler := f.Listener(), dispatch.Handler{Fleet: home, Images: records, Cursors: records, Policy: f.Repositories()}
	deployed.Start(f, func(ctx context.Context, e events.EventBridgeEvent) (any, error) {
		event, ours, err := listener.Hear(e)
		if err != nil || !ours {
			return nil, err
		}
		return nil, handler.Handle(ctx, event)
	})
}
