//go:build !unix

package entrypoint

import (
	"context"
	"runtime"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// runRunner fails: only the claim is for every system.
func (e entrypoint) runRunner(context.Context, settings, Claimed) int {
	e.say("runners do not run on %s", runtime.GOOS)
	return fleet.ExitUsage
}
