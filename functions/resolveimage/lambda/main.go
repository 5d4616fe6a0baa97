// Command lambda is the function resolveimage on AWS.
package main

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
)

func main() {
	f := border.New()
	border.Start(f, resolveimage.Step{Images: dynamo.Records(f), Registry: images.RegistryOf(f), Now: time.Now}.Run)
}
