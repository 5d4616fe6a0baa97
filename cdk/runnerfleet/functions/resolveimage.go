package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// ResolveImage decides whether BuildImage is needed.
var ResolveImage = Function{
	Name:    "ResolveImage",
	Step:    true,
	Seconds: 30,
	Memory:  unhurried,
	Says:    "finds a job's image",
	Reads:   []string{deployment.EnvTable, deployment.EnvRepository},
	May: slices.Concat(
		records("GetItem", "PutItem"), []grants.Statement{published()},
	),
}
