// Command lambda is the function resolveimage on AWS.
package main

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	deployed.Start(f, resolveimage.Step{Images: f.Records(), Registry: f.Registry(), Now: time.Now}.Run)
}
