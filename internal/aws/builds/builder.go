package builds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// starter is the part of CodeBuild's API that the builder needs.
type starter interface {
	StartBuild(context.Context, *codebuild.StartBuildInput, ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error)
}

// Builder starts builds.
type Builder struct {
	CodeBuild starter
	// Project builds the fleet's own images for x64; deployment.ProjectOf names the others.
	Project string
}

// Names of the variables that a build gets, beside those of package events.
const (
	KindVariable    = "IMAGE_KIND"    // base, extra or on_demand
	ArchVariable    = "IMAGE_ARCH"    // x64 or arm64
	BaseVariable    = "BASE_IMAGE"    // of an image that is built on demand
	LabelVariable   = "IMAGE_LABEL"   // of an extra image
	SourceVariable  = "IMAGE_SOURCE"  // what the image is made of, by its hash
	PublishVariable = "PUBLISH_TAG"   // a further tag, of the base image
	SHA256Variable  = "RUNNER_SHA256" // of the runner's archive, if that is known
)

// Build starts the build of an image's revision under a lock, whose owner the build's
// events name. The same tag and owner within five minutes is the same build; later it
// is another build, and the first of the two to end releases the lock. It fails with
// Image.BuildQueueFull if CodeBuild accepts no more just now, and with AWS.Unavailable
// if it does not answer: both may be repeated. Any other error will not pass.
func (b Builder) Build(ctx context.Context, order fleet.BuildOrder) error {
	project := deployment.ProjectOf(b.Project, order.Spec)
	_, err := b.CodeBuild.StartBuild(ctx, &codebuild.StartBuildInput{
		ProjectName:                  aws.String(project),
		IdempotencyToken:             aws.String(token(order)),
		EnvironmentVariablesOverride: variablesOf(order),
	})
	var full *types.AccountLimitExceededException
	switch {
	case errors.As(err, &full):
		return &fleet.Error{
			Name:    fleet.ImageBuildQueueFull,
			Message: fullOf(order.Spec, project),
			Err:     err,
		}
	case err != nil:
		return awserr.CallError(err, "start a build in project %s", project)
	}
	return nil
}

// fullOf says what to do about a project that accepts no more builds.
func fullOf(spec fleet.ImageSpec, project string) string {
	if spec.Kind == fleet.OnDemandImage {
		return fmt.Sprintf("start a build in project %s: it builds on_demand_builds_at_once images, or CodeBuild's queue is full; the fleet tries again", project)
	}
	return fmt.Sprintf("start a build in project %s: CodeBuild's queue is full; the fleet tries again; ask AWS for more concurrent builds", project)
}

// token is what CodeBuild recognizes a repeated request by. Such a request must be the
// same: the runner's release may have become known meanwhile.
func token(order fleet.BuildOrder) string {
	sum := sha256.Sum256([]byte(order.Tag + " " + order.Owner + " " + order.Release.Version))
	return hex.EncodeToString(sum[:16])
}

func variablesOf(order fleet.BuildOrder) []types.EnvironmentVariable {
	spec := order.Spec
	all := []types.EnvironmentVariable{
		plain(deployment.ImageTagVariable, order.Tag), plain(deployment.ImageRevisionVariable, strconv.Itoa(order.Revision)), plain(deployment.ImageOwnerVariable, order.Owner),
		plain(KindVariable, string(spec.Kind)), plain(ArchVariable, string(spec.Arch)), plain(SourceVariable, spec.Source),
	}
	switch spec.Kind {
	case fleet.OnDemandImage:
		all = append(all, plain(BaseVariable, spec.Name))
	case fleet.ExtraImage:
		all = append(all, plain(LabelVariable, spec.Name))
	case fleet.BaseImage:
		all = append(all, plain(PublishVariable, spec.PublishTag()))
	}
	if version := order.Release.Version; version != "" {
		all = append(all, plain(deployment.RunnerReleaseVariable, version))
	}
	if sum := order.Release.SHA256[spec.Arch]; sum != "" {
		all = append(all, plain(SHA256Variable, sum))
	}
	return all
}

// plain is a variable whose value is taken as it is: other types would make
// CodeBuild read a parameter or secret of that name.
func plain(name, value string) types.EnvironmentVariable {
	return types.EnvironmentVariable{Name: aws.String(name), Value: aws.String(value), Type: types.EnvironmentVariableTypePlaintext}
}
