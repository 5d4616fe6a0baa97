package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// images are the image records and the locks on builds.
type images interface {
	lifecycle.Images
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
	DeleteImage(ctx context.Context, tag string) error
}

// registry is where the images are.
type registry interface {
	// Remove deletes all revisions of an image. Missing ones are no error.
	Remove(ctx context.Context, tag string) error
}

// cursors are stored values that the sweep acts on.
type cursors interface {
	PutCursor(ctx context.Context, name, value string) error
}

// BuildImage asks for the next revision of an image, which the sweep starts within a
// minute, and deletes the record of an earlier failure. The present revision serves
// meanwhile. A paused fleet builds nothing, and says so.
func (o Operator) BuildImage(ctx context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error) {
	a := o.act(by, fleet.CommandBuildImage)
	a.Image = spec.String()
	return o.buildImage(ctx, spec, a, o.note)
}

// buildImage is BuildImage for an action that note lists.
func (o Operator) buildImage(ctx context.Context, spec fleet.ImageSpec, a fleet.Action, note func(context.Context, fleet.Action) error) (fleet.ImageRecord, error) {
	capacity, err := o.Fleet.Records.Capacity(ctx)
	if err != nil {
		return fleet.ImageRecord{}, fmt.Errorf("read whether fleet %s is paused: %w", o.Fleet.Name, err)
	}
	if capacity.Paused != "" {
		return fleet.ImageRecord{}, fmt.Errorf("fleet %s is paused (%s) and builds nothing: resume it with `ecsrunner resume`", o.Fleet.Name, capacity.Paused)
	}
	if err := note(ctx, a); err != nil {
		return fleet.ImageRecord{}, err
	}
	record, err := lifecycle.ChangeImage(ctx, o.Images, spec.Tag(), func(r fleet.ImageRecord) (fleet.ImageRecord, bool) {
		r.Spec, r.Rebuild, r.Failure = spec, a.By+" asked for it with "+a.Did(), nil
		if r.UsedAt.IsZero() {
			r.UsedAt = o.Fleet.Now()
		}
		return r, true
	})
	if err != nil {
		return record, fmt.Errorf("ask for the image %s: %w", spec, err)
	}
	return record, nil
}

// ErrNoImage says that an image is not known.
type ErrNoImage struct{ Tag string }

func (e ErrNoImage) Error() string {
	return fmt.Sprintf("no image has the tag %s: `ecsrunner images list` lists those there are", e.Tag)
}

// RemoveImage deletes an image with all its revisions, and its record. Runners that run
// in it go on. The next job that needs it has it built again; the sweep does that for
// an image of the configuration.
func (o Operator) RemoveImage(ctx context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error) {
	record, ok, err := o.Images.Image(ctx, tag)
	if err != nil {
		return record, fmt.Errorf("read image %s: %w", tag, err)
	}
	if !ok {
		return record, ErrNoImage{tag}
	}
	lock, err := o.Images.BuildLock(ctx, tag)
	if err != nil {
		return record, fmt.Errorf("read whether image %s is being built: %w", tag, err)
	}
	if lock.Held(o.Fleet.Now()) {
		return record, fmt.Errorf("image %s is being built: remove it when that has ended, by %s at the latest", record.Spec, lock.Until.UTC().Format(time.TimeOnly+" MST"))
	}
	a := o.act(by, fleet.CommandRemoveImage)
	a.Image = record.Spec.String()
	if err := o.note(ctx, a); err != nil {
		return record, err
	}
	// The record is deleted first: jobs would look for the image of a record without
	// one.
	if err := o.Images.DeleteImage(ctx, tag); err != nil {
		return record, fmt.Errorf("forget image %s: %w", tag, err)
	}
	if err := o.Registry.Remove(ctx, tag); err != nil {
		return record, fmt.Errorf("delete the revisions of image %s: %w", tag, err)
	}
	return record, nil
}

// RefreshResult says what RefreshImages did.
type RefreshResult struct {
	FleetName string   `json:"fleet_name"`
	Images    []string `json:"images"` // for which the next revision was asked
}

// RefreshImages makes the sweep ask GitHub for its latest runner now, and then build
// each image that has an older one. With all it builds the next revision of every image
// that jobs have used lately, so that each begins with the present state of its base
// image.
func (o Operator) RefreshImages(ctx context.Context, all bool, by fleet.Operator) (RefreshResult, error) {
	result := RefreshResult{FleetName: o.Fleet.Name, Images: []string{}}
	command := fleet.CommandRefreshImages
	if all {
		command = fleet.CommandRefreshAllImages
	}
	a := o.act(by, command)
	if err := o.note(ctx, a); err != nil {
		return result, err
	}
	if all {
		records, err := o.Images.Images(ctx)
		if err != nil {
			return result, fmt.Errorf("list the images: %w", err)
		}
		for _, r := range records {
			if r.Digest == "" || r.Unused(o.Fleet.Now()) {
				continue
			}
			if _, err := o.buildImage(ctx, r.Spec, a, func(context.Context, fleet.Action) error { return nil }); err != nil {
				return result, err
			}
			result.Images = append(result.Images, r.Tag)
		}
	}
	if err := o.Cursors.PutCursor(ctx, lifecycle.RunnerReleaseCursor, ""); err != nil {
		return result, fmt.Errorf("have the fleet ask for GitHub's latest runner: %w", err)
	}
	return result, nil
}
