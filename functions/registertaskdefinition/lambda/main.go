// Command lambda is the function registertaskdefinition on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	deployed.Start(f, registertaskdefinition.Step{Fleet: f.Fleet(), Definitions: f.Definitions()}.Run)
}
