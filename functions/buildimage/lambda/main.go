// Command lambda is the function buildimage on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/buildimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	home := f.Fleet()
	home.Executions = f.Signals()
	deployed.Start(f, buildimage.Step{Fleet: home, Images: f.Records(), Builder: f.Builder()}.Run)
}
