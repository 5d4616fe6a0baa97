// Command lambda is the function runtask on AWS.
package main

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := border.New()
	records, launcher, url, keys, sts := dynamo.Records(f), ecsfleet.Launcher(f), f.APIURL(), secrets.ClaimKeys(f), identity.STS(f)
	lc := operations.Fleet(f, records, stepfn.Signals(f), nil, launcher)
	border.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Wait, error) {
		current, err := keys(ctx)
		if err != nil {
			return fleet.Wait{}, err
		}
		return runtask.Step{
			Fleet: lc, Launcher: launcher, ClaimURL: url, ClaimKey: current[0], Signed: runtask.Signed{Host: sts.Host(), Region: sts.Region},
		}.Run(ctx, call)
	})
}
