// Command lambda is the function buildimage on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

func main() {
	f := border.New()
	home, records := operations.Fleet(f), dynamo.Records(f)
	home.Executions = stepfn.Signals(f)
	border.Start(f, buildimage.Step{
		Fleet: home, Images: records, Builder: builds.BuilderOf(f), Release: lifecycle.KeptRelease(records), Counts: records, OnDemandBuilds: f.Policy().OnDemandBuilds,
	}.Run)
}
