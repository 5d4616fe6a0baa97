package deployment

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Environment variables between a build and the fleet. StartBuild sets the tag, the
// revision and the owner of the lock under which the build is started. The buildspec
// exports (env: exported-variables) the digest, in the form sha256:… or
// repository@sha256:…, the version of GitHub's runner that is in the image, the value of
// its label fleet.IdentityLabel, and how many bytes are pulled of it.
const (
	ImageTagVariable      = "IMAGE_TAG"
	ImageRevisionVariable = "IMAGE_REVISION"
	ImageOwnerVariable    = "IMAGE_OWNER"
	ImageDigestVariable   = "IMAGE_DIGEST"
	RunnerReleaseVariable = "RUNNER_RELEASE"
	ImageClaimVariable    = "IMAGE_CLAIM"
	ImageSizeVariable     = "IMAGE_SIZE"
)

// TryAgain begins the message of a build that failed for a reason which passes by
// itself.
const TryAgain = "try again: "

// Suffixes of projects' names: for what jobs name by image: labels, and for arm64
// images.
const (
	OnDemandSuffix = "-on-demand"
	ArmSuffix      = "-arm64"
)

// ProjectOf is the project that builds an image; project is the name of the fleet's
// first one. Images that jobs name have projects of their own, with their own time
// limits, number of builds at once and machines: they hold up no other build.
func ProjectOf(project string, spec fleet.ImageSpec) string {
	if spec.Kind == fleet.OnDemandImage {
		project += OnDemandSuffix
	}
	if spec.Arch == fleet.ARM64 {
		project += ArmSuffix
	}
	return project
}

// Projects are all that a fleet can have. Those for arm64 and on demand may be missing.
func Projects(project string) []string {
	var all []string
	for _, kind := range []fleet.ImageKind{fleet.BaseImage, fleet.OnDemandImage} {
		for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
			all = append(all, ProjectOf(project, fleet.ImageSpec{Kind: kind, Arch: arch}))
		}
	}
	return all
}
