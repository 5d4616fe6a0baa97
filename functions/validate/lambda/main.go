// Command lambda is the function validate on AWS.
package main

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func main() {
	f := border.New()
	policy, records := params.Policy(f), dynamo.Records(f)
	gh := githubapi.Of(f, records)
	lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, ecsfleet.Tasks(f))
	resolve, definitions := resolveimage.Step{Images: records, Registry: images.RegistryOf(f), Now: time.Now}, ecsfleet.Definitions(f)
	border.Start(f, func(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
		current, err := policy(ctx)
		if err != nil {
			return fleet.Plan{}, err
		}
		return validate.Step{
			Fleet: lc.Informed(current), Policy: current, Budgets: gh, Access: gh,
			Images: resolve, Definitions: definitions, LookFor: validate.LookFor, Together: operations.Together,
		}.Run(ctx, call)
	})
}
