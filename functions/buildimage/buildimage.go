// Package buildimage has an image built, once, however many jobs wait for it.
//
// The step only joins the build and returns. Its state ends when dispatch hears
// of the build's end and signals every runner that joined.
package buildimage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// images are the image records and the lock on a build.
type images interface {
	Image(ctx context.Context, tag string) (digest string, ok bool, err error)
	// JoinBuild notes that the runner waits for the image, and makes it the
	// owner of the build if nobody is, or if the owner's lease ran out. owner is
	// its fleet.BuildOwner, "" if another runner owns the build.
	JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error)
	// EndBuild gives an owner's lock up.
	EndBuild(ctx context.Context, tag, owner string) error
}

// builder starts builds. Starting one for the same tag and owner again is the
// same build. The build's events name the owner. An error with a name may pass.
type builder interface {
	Build(ctx context.Context, spec fleet.ImageSpec, tag, owner string) error
}

// Step serves the state BuildImage.
type Step struct {
	Fleet   lifecycle.Fleet
	Images  images
	Builder builder
}

// Run joins the build, and starts it if this runner is the first. It fails with
// Image.BuildFailed if the build cannot start, and with Image.BuildQueueFull if it
// cannot just now. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.Image, error) {
	spec, tag := *call.Document.Plan.ImageSpec, call.Document.Image.Tag
	runner, err := s.Fleet.StoreToken(ctx, call.RunnerID, call.TaskToken, fleet.WaitForImage, fleet.RunnerImageCreating)
	if err != nil || runner.Phase != fleet.Open {
		return fleet.Image{}, err
	}
	lease := time.Duration(call.Document.Plan.BuildLeaseSeconds) * time.Second
	owner, err := s.Images.JoinBuild(ctx, tag, call.RunnerID, s.Fleet.Now(), lease)
	if err != nil {
		return fleet.Image{}, err
	}
	// It may have been finished between ResolveImage's look and our joining. A record
	// that ResolveImage found to be of a deleted image says nothing.
	digest, ready, err := s.Images.Image(ctx, tag)
	if err != nil {
		return fleet.Image{}, err
	}
	if ready && digest != call.Document.Image.Digest {
		image := fleet.Image{Outcome: fleet.ImageReady, Tag: tag, Digest: digest}
		return image, s.finished(ctx, call.TaskToken, owner, image)
	}
	if owner != "" {
		err := s.Builder.Build(ctx, spec, tag, owner)
		switch {
		case fleet.ErrorName(err) != "": // it may pass: this runner owns the build when it comes again
			return fleet.Image{}, s.mayPass(ctx, call.RunnerID, fmt.Errorf("build %s: %w", spec, err))
		case err != nil:
			return fleet.Image{}, fleet.Errorf(fleet.ImageBuildFailed, "build %s: %w", spec, err)
		}
	}
	return fleet.Image{Outcome: fleet.ImageMissing, Tag: tag}, nil
}

// mayPass shows on the run what its job waits for.
func (s Step) mayPass(ctx context.Context, runnerID string, cause error) error {
	_, _, err := s.Fleet.ChangeBoth(ctx, runnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		reason := fleet.ErrorName(cause) + ": " + cause.Error()
		changed := r.Phase == fleet.Open && r.Reason != reason
		r.Reason = reason
		return r, changed
	})
	if err != nil {
		return err
	}
	return cause
}

// finished ends the state with an image that needs no build, and the lock on its build
// if this runner just took it.
func (s Step) finished(ctx context.Context, token, owner string, image fleet.Image) error {
	if owner != "" {
		if err := s.Images.EndBuild(ctx, image.Tag, owner); err != nil {
			return err
		}
	}
	output, err := json.Marshal(image)
	if err != nil {
		return fmt.Errorf("encode image %s: %w", image.Tag, err)
	}
	return s.Fleet.Executions.Succeed(ctx, token, output)
}
