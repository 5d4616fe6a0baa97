package functions

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// BuildImage starts a build and does not wait for it.
var BuildImage = Function{
	Name:    "BuildImage",
	Step:    true,
	Seconds: 30,
	Memory:  unhurried,
	Says:    "has an image built",
	Reads:   []string{deployment.EnvPolicy, deployment.EnvTable, deployment.EnvBuildProject},
	May: slices.Concat(
		records("GetItem", "PutItem", "UpdateItem", "DeleteItem"), signal("Success", "Failure"),
		[]grants.Statement{grants.Allow("images are built by these projects", grants.Projects, "codebuild:StartBuild")}, noForeignCode(),
	),
}
