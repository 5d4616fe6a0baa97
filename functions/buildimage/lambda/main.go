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
	records := dynamo.Records(f)
	lc := operations.Fleet(f, records, stepfn.Signals(f), nil, nil)
	border.Start(f, buildimage.Step{
		Fleet: lc, Images: records, Builder: builds.BuilderOf(f), Release: lifecycle.KeptRelease(records), Counts: records, OnDemandBuilds: f.Policy().OnDemandBuilds, BuildsOfRules: f.Policy().BuildsOfRules(),
	}.Run)
}
