// Package registertaskdefinition finds or registers the task definition that a
// runner is started from.
//
// ECS allows one registration per second in an account, so there is one definition per
// distinct content and not one per job. Its family is a hash of the content; RunTask
// overrides what varies by job (size, environment).
package registertaskdefinition

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// definitions is the part of the container platform that this step needs.
type definitions interface {
	// Register returns the ARN of the family's definition and registers it if
	// there is none.
	Register(ctx context.Context, definition fleet.TaskDefinition) (arn string, err error)
}

// Step serves the state RegisterTaskDefinition.
type Step struct {
	Fleet       lifecycle.Fleet
	Definitions definitions
}

// Run returns the definition's ARN and records it on the runner: the sweep keeps the
// definitions that open runners refer to. It may be repeated.
func (s Step) Run(ctx context.Context, call fleet.Call) (fleet.TaskDefinitionPart, error) {
	doc := call.Document
	image, _ := doc.StartsFrom()
	arn, err := s.Definitions.Register(ctx, fleet.TaskDefinition{
		FleetName: s.Fleet.Name,
		Image:     image.Digest,
		Arch:      doc.Plan.ImageSpec.Arch,
	})
	if err != nil {
		return fleet.TaskDefinitionPart{}, err
	}
	_, _, err = s.Fleet.ChangeBoth(ctx, call.RunnerID, func(r fleet.Runner) (fleet.Runner, bool) {
		r = s.Fleet.StartFrom(r.Forget(), *image, arn, doc.Plan.Size)
		r.Reason = "" // what its image waited for
		return r.Progress(fleet.RunnerStarting), r.Phase == fleet.Open
	})
	return fleet.TaskDefinitionPart{ARN: arn}, err
}
