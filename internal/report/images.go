package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What an image is like.
const (
	ImageReady    = "ready"    // jobs run in it
	ImageBuilding = "building" // jobs wait for it
	ImageFailed   = "failed"   // its build failed, and there is no other revision
	ImageOutdated = "outdated" // its revision must not be used: the next job has it built
	ImageMissing  = "missing"  // it is not built: the next job, or the sweep, has it built
)

// Image is an image as it is shown.
type Image struct {
	Tag           string          `json:"tag"`
	Image         string          `json:"image"` // how people call it
	Kind          fleet.ImageKind `json:"kind"`
	Arch          fleet.Arch      `json:"arch"`
	Status        string          `json:"status"`
	Building      bool            `json:"building"` // a build is under way, perhaps while a revision serves
	Revision      int             `json:"revision,omitempty"`
	RunnerVersion string          `json:"runner_version,omitempty"`
	Digest        string          `json:"digest,omitempty"`
	Size          int64           `json:"size,omitempty"` // bytes that are pulled of it
	BuiltAt       time.Time       `json:"built_at,omitzero"`
	UsedAt        time.Time       `json:"used_at,omitzero"`
	Rebuild       string          `json:"rebuild,omitempty"`  // why the next revision is wanted
	Outdated      string          `json:"outdated,omitempty"` // why the revision must not be used
	FailedAt      time.Time       `json:"failed_at,omitzero"`
	Failure       string          `json:"failure,omitempty"`
	BuildID       string          `json:"build_id,omitempty"`
}

// Reason is what a person wants to know of the image beside its status.
func (i Image) Reason() string {
	switch {
	case i.Failure != "":
		return i.Failure
	case i.Outdated != "":
		return i.Outdated
	}
	return i.Rebuild
}

// Images are all images, the base image first, then by their names.
func Images(ctx context.Context, src Source, now time.Time) ([]Image, error) {
	records, err := src.Images(ctx)
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(records))
	for _, r := range records {
		lock, err := src.BuildLock(ctx, r.Tag)
		if err != nil {
			return nil, err
		}
		images = append(images, ImageOf(r, lock.Held(now)))
	}
	order := []fleet.ImageKind{fleet.BaseImage, fleet.ExtraImage, fleet.OnDemandImage}
	slices.SortFunc(images, func(a, b Image) int {
		return cmp.Or(slices.Index(order, a.Kind)-slices.Index(order, b.Kind), cmp.Compare(a.Image, b.Image), cmp.Compare(a.Tag, b.Tag))
	})
	return images, nil
}

// ShowImage is one image. It fails with NotFound if there is none of the tag.
func ShowImage(ctx context.Context, src Source, tag string, now time.Time) (Image, error) {
	r, ok, err := src.Image(ctx, tag)
	if err != nil {
		return Image{}, err
	}
	if !ok {
		return Image{}, NotFound{What: "image", ID: tag}
	}
	lock, err := src.BuildLock(ctx, tag)
	if err != nil {
		return Image{}, err
	}
	return ImageOf(r, lock.Held(now)), nil
}

// ImageOf is a record as it is shown.
func ImageOf(r fleet.ImageRecord, building bool) Image {
	i := Image{
		Tag: r.Tag, Image: r.Spec.String(), Kind: r.Spec.Kind, Arch: r.Spec.Arch, Building: building,
		Revision: r.Revision, RunnerVersion: r.RunnerVersion, Digest: r.Digest, Size: r.Size, BuiltAt: r.BuiltAt, UsedAt: r.UsedAt,
		Rebuild: r.Rebuild, Outdated: r.Outdated, BuildID: r.BuildID,
	}
	if r.Failure != nil {
		i.FailedAt, i.Failure = r.Failure.At, r.Failure.Reason
	}
	switch {
	case r.Usable():
		i.Status = ImageReady
	case building:
		i.Status = ImageBuilding
	case r.Failure != nil:
		i.Status = ImageFailed
	case r.Outdated != "":
		i.Status = ImageOutdated
	default:
		i.Status = ImageMissing
	}
	return i
}
