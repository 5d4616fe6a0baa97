// Command lambda is the function runtask on AWS.
package main

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := deployed.New()
	home, launcher, url, keys, sts := f.Fleet(), f.Launcher(), f.APIURL(), f.ClaimKeys(), f.STS()
	home.Executions, home.Tasks = f.Signals(), launcher
	deployed.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Wait, error) {
		current, err := keys(ctx)
		if err != nil {
			return fleet.Wait{}, err
		}
		return runtask.Step{
			Fleet: home, Launcher: launcher, ClaimURL: url, ClaimKey: current[0], Signed: runtask.Signed{Host: sts.Host(), Region: sts.Region},
		}.Run(ctx, call)
	})
}
