package validate

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// images are the images that jobs run in.
type images interface {
	// Resolve is ResolveImage's answer about an image.
	Resolve(ctx context.Context, spec fleet.ImageSpec) (fleet.Image, error)
}

// definitions are the task definitions of the container platform.
type definitions interface {
	// Find returns what RegisterTaskDefinition would, if it need not register it.
	Find(ctx context.Context, definition fleet.TaskDefinition) (arn string, ok bool, err error)
}

// LookFor leaves time for the rest if ECR or ECS gives no answer: in a network without a way
// to one of them, a request hangs.
const LookFor = 5 * time.Second

// ready returns what a runner is started from, nil if that is not all there. Then the states
// that make it find out what is missing, and fail if they must: so no answer is a failure here.
func (s Step) ready(ctx context.Context, spec fleet.ImageSpec) *fleet.Ready {
	if s.Images == nil || s.Definitions == nil {
		return nil
	}
	if s.LookFor > 0 {
		limited, cancel := context.WithTimeout(ctx, s.LookFor)
		defer cancel()
		ctx = limited
	}
	image, err := s.Images.Resolve(ctx, spec)
	if err != nil {
		s.Fleet.Log.InfoContext(ctx, "leaving the image to its own state", "image", spec.String(), "error", err.Error())
		return nil
	}
	if image.Outcome != fleet.ImageReady {
		return nil
	}
	arn, ok, err := s.Definitions.Find(ctx, fleet.TaskDefinition{FleetName: s.Fleet.Name, Image: image.Digest, Arch: spec.Arch})
	if err != nil {
		s.Fleet.Log.InfoContext(ctx, "leaving the task definition to its own state", "image", spec.String(), "error", err.Error())
		return nil
	}
	if !ok {
		return nil
	}
	return &fleet.Ready{Image: image, TaskDefinition: fleet.TaskDefinitionPart{ARN: arn}}
}

// together makes calls at the same time, where the step may.
func (s Step) together(calls ...func()) {
	if s.Together != nil {
		s.Together(calls...)
		return
	}
	for _, call := range calls {
		call()
	}
}
