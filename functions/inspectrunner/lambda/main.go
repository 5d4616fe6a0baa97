// Command lambda is the function inspectrunner on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
)

func main() {
	f := border.New()
	records, tasks := dynamo.Records(f), ecsfleet.Tasks(f)
	gh := githubapi.Of(f, records)
	lc := operations.Fleet(f, records, stepfn.ExecutionsOf(f), gh, tasks)
	border.Start(f, inspectrunner.Step{Fleet: lc, Budgets: gh, Platform: tasks}.Run)
}
