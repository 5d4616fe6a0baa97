// Command lambda is the function registertaskdefinition on AWS.
package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
)

func main() {
	f := border.New()
	border.Start(f, registertaskdefinition.Step{Fleet: operations.Fleet(f, dynamo.Records(f), nil, nil, nil), Definitions: ecsfleet.Definitions(f)}.Run)
}
