package runtask

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Signed is what tasks sign their claims for: STS in the fleet's region. Both are empty
// where the platform gives tasks no identity.
type Signed struct{ Host, Region string }

// identity notes whether the runner's claim must show that it comes from its task: its
// image's entrypoint can, and it is told how. That is decided before the first RunTask and
// stays: a task may be up already that was started without.
func (s Step) identity(doc fleet.Document) func(fleet.Runner) fleet.Runner {
	return func(r fleet.Runner) fleet.Runner {
		if r.TaskARN == "" && r.WaitingFor != fleet.WaitForJob {
			r.Identity = s.Signed.Host != "" && doc.Image != nil && doc.Image.Identity
		}
		return r
	}
}

// toBeSigned tells a task that must show what it is for which STS to sign.
func (s Step) toBeSigned(runner fleet.Runner, launch fleet.TaskLaunch) fleet.TaskLaunch {
	if runner.Identity {
		launch.Env[fleet.EnvIdentityHost], launch.Env[fleet.EnvIdentityRegion] = s.Signed.Host, s.Signed.Region
	}
	return launch
}
