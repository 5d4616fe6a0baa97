package deployment

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// What a build and the fleet tell each other by environment variables: StartBuild
// sets the tag, the revision and the owner of the lock under which it is started, and the
// buildspec exports (env: exported-variables) the digest, in the form sha256:… or
// repository@sha256:…, the version of GitHub's runner that is in the image, and the value
// of its label fleet.IdentityLabel.
const (
	ImageTagVariable      = "IMAGE_TAG"
	ImageRevisionVariable = "IMAGE_REVISION"
	ImageOwnerVariable    = "IMAGE_OWNER"
	ImageDigestVariable   = "IMAGE_DIGEST"
	RunnerReleaseVariable = "RUNNER_RELEASE"
	ImageClaimVariable    = "IMAGE_CLAIM"
)

// TryAgain begins the sentence of a build that failed for a reason which passes by itself.
const TryAgain = "try again: "

// Ends of the names of projects: of what jobs name by image: labels, and of arm64 images.
const (
	OnDemandSuffix = "-on-demand"
	ArmSuffix      = "-arm64"
)

// ProjectOf is the project that builds an image, by the name of the fleet's first one. What
// jobs name has projects of its own, with time limits, a number of builds at once and
// machines of their own: it holds up no other build.
func ProjectOf(project string, spec fleet.ImageSpec) string {
	if spec.Kind == fleet.OnDemandImage {
		project += OnDemandSuffix
	}
	if spec.Arch == fleet.ARM64 {
		project += ArmSuffix
	}
	return project
}

// Projects are all that a fleet can have. Those for arm64 and on demand may not be there.
func Projects(project string) []string {
	var all []string
	for _, kind := range []fleet.ImageKind{fleet.BaseImage, fleet.OnDemandImage} {
		for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
			all = append(all, ProjectOf(project, fleet.ImageSpec{Kind: kind, Arch: arch}))
		}
	}
	return all
}
