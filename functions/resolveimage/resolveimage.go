// Package resolveimage turns an image spec into the digest of a built image.
//
// The answer comes from the image's record, never from the mere presence of a
// tag in a registry: a tag does not say what was built, or when.
package resolveimage

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// images is the part of the image records that this step needs.
type images interface {
	Image(ctx context.Context, tag string) (digest string, ok bool, err error)
}

// Step serves the state ResolveImage.
type Step struct {
	Fleet  lifecycle.Fleet
	Images images
}

// Run answers ready with a digest, or missing. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Image, error) {
	tag := call.Document.Plan.ImageSpec.Tag()
	digest, ok, err := s.Images.Image(ctx, tag)
	if err != nil {
		return fleet.Image{}, err
	}
	if !ok {
		return fleet.Image{Outcome: fleet.ImageMissing, Tag: tag}, nil
	}
	return fleet.Image{Outcome: fleet.ImageReady, Tag: tag, Digest: digest}, nil
}
