// Command lambda is the function buildimage on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	home, records := f.Fleet(), f.Records()
	home.Executions = f.Signals()
	deployed.Start(f, buildimage.Step{Fleet: home, Images: records, Builder: f.Builder(), Release: deployed.Release(records), Counts: records, OnDemandBuilds: f.Repositories().OnDemandBuilds}.Run)
}
