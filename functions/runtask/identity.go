package runtask

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Signed is what tasks sign their claims for: STS in the fleet's region. Both are empty
// where the platform gives tasks no identity.
type Signed struct{ Host, Region string }

// identity records whether the runner's claim must show that it comes from its task:
// only if its image's entrypoint can, and RunTask says how. The first RunTask decides
// that, and it stays: a task that was started without may already be up.
func (s Step) identity(doc fleet.Document) func(fleet.Runner) fleet.Runner {
	image, _ := doc.StartsFrom()
	return func(r fleet.Runner) fleet.Runner {
		if r.TaskARN == "" && r.WaitingFor != fleet.WaitForJob {
			r.Identity = s.Signed.Host != "" && image != nil && image.Identity
		}
		return r
	}
}

// toBeSigned gives a task that must show its identity the STS to sign for.
func (s Step) toBeSigned(runner fleet.Runner, launch fleet.TaskLaunch) fleet.TaskLaunch {
	if runner.Identity {
		launch.Env[fleet.EnvIdentityHost], launch.Env[fleet.EnvIdentityRegion] = s.Signed.Host, s.Signed.Region
	}
	return launch
}
