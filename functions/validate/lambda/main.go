// Command lambda is the function validate on AWS.
package main

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := deployed.New()
	policy, home, gh := f.Policy(), f.Fleet(), f.GitHub()
	home.Executions, home.GitHub, home.Tasks = f.Executions(), gh, f.Tasks()
	deployed.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
		current, err := policy(ctx)
		if err != nil {
			return fleet.Plan{}, err
		}
		return validate.Step{Fleet: home, Policy: current, Budgets: gh}.Run(ctx, call)
	})
}
