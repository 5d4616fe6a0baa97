package runtask

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Signed is what tasks sign their claims for: STS in the fleet's region. Both are empty
// where the platform gives tasks no identity.
type Signed struct{ Host, Region string }

// toBeSigned gives a task that must show its identity the STS to sign for.
func (s Step) toBeSigned(runner fleet.Runner, launch fleet.TaskLaunch) fleet.TaskLaunch {
	if runner.Identity {
		launch.Env[fleet.EnvIdentityHost], launch.Env[fleet.EnvIdentityRegion] = s.Signed.Host, s.Signed.Region
	}
	return launch
}
