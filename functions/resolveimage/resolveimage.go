// Package resolveimage turns an image spec into the digest of a built image.
//
// The answer comes from the image's record, not from the mere presence of a tag in
// a registry: a tag does not say what was built, or when. Only the base image may be
// somebody else's work.
package resolveimage

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// images is the part of the image records that this step needs.
type images interface {
	Image(ctx context.Context, tag string) (digest string, ok bool, err error)
}

// registry is where the images themselves are.
type registry interface {
	// Digest is that of the image with a tag.
	Digest(ctx context.Context, tag string) (digest string, ok bool, err error)
	Has(ctx context.Context, digest string) (bool, error)
}

// Step serves the state ResolveImage.
type Step struct {
	Images images
	// Registry is nil where the records are all there is.
	Registry registry
}

// Run answers ready with a digest, or missing, with the digest of a record whose image
// was deleted. A base image that somebody else has published under its tag is used as
// it is. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Image, error) {
	spec := *call.Document.Plan.ImageSpec
	recorded, ok, err := s.recorded(ctx, spec.Tag())
	digest := recorded
	if err == nil && !ok && spec.Kind == fleet.BaseImage && s.Registry != nil {
		digest, ok, err = s.Registry.Digest(ctx, spec.PublishTag())
	}
	switch {
	case err != nil:
		return fleet.Image{}, err
	case !ok:
		return fleet.Image{Outcome: fleet.ImageMissing, Tag: spec.Tag(), Digest: recorded}, nil
	}
	return fleet.Image{Outcome: fleet.ImageReady, Tag: spec.Tag(), Digest: digest}, nil
}

// recorded is the digest in the record of a tag, "" if it has none. ok tells whether
// the image is still there.
func (s Step) recorded(ctx context.Context, tag string) (digest string, ok bool, err error) {
	digest, ok, err = s.Images.Image(ctx, tag)
	if err == nil && ok && s.Registry != nil {
		ok, err = s.Registry.Has(ctx, digest)
	}
	return digest, ok, err
}
