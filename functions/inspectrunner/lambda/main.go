// Command lambda is the function inspectrunner on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	home, tasks := f.Fleet(), f.Tasks()
	home.Executions, home.GitHub, home.Tasks = f.Executions(), f.GitHub(), tasks
	deployed.Start(f, inspectrunner.Step{Fleet: home, Platform: tasks}.Run)
}
