// Package resolveimage turns an image spec into the digest of a built image.
//
// The answer comes from the image's record, not from the mere presence of a tag in a
// registry: a tag does not say what was built, or when. Only the base image may be
// built by others than the fleet.
package resolveimage

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// registry is where the images themselves are.
type registry interface {
	// Published is the image with a tag, if others than the fleet built it.
	Published(ctx context.Context, tag string) (digest string, ok bool, err error)
	Has(ctx context.Context, digest string) (bool, error)
}

// Step serves the state ResolveImage.
type Step struct {
	Images lifecycle.Images
	// Registry is nil where only the records know of images.
	Registry registry
	Now      func() time.Time
}

// Run is Resolve for the plan's image.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Image, error) {
	return s.Resolve(ctx, *call.Document.Plan.ImageSpec)
}

// Resolve answers ready with a digest, or missing, with the digest of a record whose image
// was deleted. It uses a base image that others have published under its tag as it is.
// After the build of an image that jobs cannot do without has failed, it fails for some
// minutes with Image.BuildFailed, or for less than one with Image.SourceUnavailable. It
// may be repeated.
func (s Step) Resolve(ctx context.Context, spec fleet.ImageSpec) (fleet.Image, error) {
	tag := spec.Tag()
	record, _, err := s.Images.Image(ctx, tag)
	if err != nil {
		return fleet.Image{}, err
	}
	there, err := s.isThere(ctx, record)
	if err != nil {
		return fleet.Image{}, err
	}
	if there && record.Usable() {
		return fleet.Image{Outcome: fleet.ImageReady, Tag: tag, Digest: record.Digest, Identity: record.Identity, Size: record.Size}, s.used(ctx, record)
	}
	if spec.Kind == fleet.BaseImage && s.Registry != nil && !there {
		digest, ok, err := s.Registry.Published(ctx, spec.PublishTag())
		if err != nil || ok {
			return fleet.Image{Outcome: fleet.ImageReady, Tag: tag, Digest: digest}, err
		}
	}
	gone := ""
	if !there {
		gone, record.Digest = record.Digest, ""
	}
	if why := record.Broken(s.Now()); why != nil {
		return fleet.Image{}, why
	}
	return fleet.Image{Outcome: fleet.ImageMissing, Tag: tag, Digest: gone}, nil
}

// isThere reports whether the image of a record is still in the registry.
func (s Step) isThere(ctx context.Context, record fleet.ImageRecord) (bool, error) {
	if record.Digest == "" || s.Registry == nil {
		return record.Digest != "", nil
	}
	return s.Registry.Has(ctx, record.Digest)
}

// useNoted is how exactly the time of an image's last use is kept: each record costs a
// write.
const useNoted = 24 * time.Hour

func (s Step) used(ctx context.Context, record fleet.ImageRecord) error {
	now := s.Now()
	if now.Sub(record.UsedAt) < useNoted {
		return nil
	}
	_, err := lifecycle.ChangeImage(ctx, s.Images, record.Tag, func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		r.UsedAt = now
		return r, r.Digest != ""
	})
	return err
}
