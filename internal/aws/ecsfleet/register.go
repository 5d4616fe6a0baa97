package ecsfleet

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The size that a definition must have and every task overrides: Fargate's smallest.
// The container has no neighbours, and its share is a soft limit; Fargate can do
// without it, moto cannot.
const (
	anyCPU      = "256"
	anyMemory   = "512"
	reservation = 512
)

// stopTimeout is how many seconds a container has between SIGTERM and SIGKILL, the most
// that Fargate allows and what Spot gives in any case.
const stopTimeout = 120

// Register returns the ARN of the family's active definition. It registers one if there
// is none, or if it was made for other roles or another log group. It may be repeated;
// two that race register two revisions of the same content. It fails with
// fleet.AWSUnavailable when ECS throttles, and with Runner.LaunchFailed when ECS
// refuses the definition.
func (p Platform) Register(ctx context.Context, definition fleet.TaskDefinition) (string, error) {
	want, err := p.definition(definition)
	if err != nil {
		return "", err
	}
	if arn, ok, err := p.find(ctx, want); err != nil || ok {
		return arn, err
	}
	made, err := p.ECS.RegisterTaskDefinition(ctx, want)
	if err != nil {
		return "", registerError(err, "register", *want.Family)
	}
	return text(made.TaskDefinition.TaskDefinitionArn), nil
}

// Find returns the ARN of the family's active definition, if there is one that Register would
// return. It fails as Register does.
func (p Platform) Find(ctx context.Context, definition fleet.TaskDefinition) (arn string, ok bool, err error) {
	want, err := p.definition(definition)
	if err != nil {
		return "", false, err
	}
	return p.find(ctx, want)
}

func (p Platform) find(ctx context.Context, want *ecs.RegisterTaskDefinitionInput) (arn string, ok bool, err error) {
	found, err := p.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: want.Family})
	switch {
	case isUnknownFamily(err):
		return "", false, nil
	case err != nil:
		return "", false, registerError(err, "look up", *want.Family)
	}
	return text(found.TaskDefinition.TaskDefinitionArn), serves(found.TaskDefinition, want), nil
}

func (p Platform) definition(d fleet.TaskDefinition) (*ecs.RegisterTaskDefinitionInput, error) {
	image := d.Image
	if strings.HasPrefix(image, "sha256:") {
		image = p.Definition.Repository + "@" + image
	}
	if !strings.Contains(image, "@sha256:") {
		return nil, fleet.Errorf(fleet.RunnerLaunchFailed, "image %q of a task definition has no digest: the image's record is damaged; rebuild the image", d.Image)
	}
	arch := types.CPUArchitectureX8664
	if d.Arch == fleet.ARM64 {
		arch = types.CPUArchitectureArm64
	}
	return &ecs.RegisterTaskDefinitionInput{
		Family:                  aws.String(d.Family()),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		NetworkMode:             types.NetworkModeAwsvpc,
		Cpu:                     aws.String(anyCPU),
		Memory:                  aws.String(anyMemory),
		ExecutionRoleArn:        aws.String(p.Definition.ExecutionRole),
		TaskRoleArn:             aws.String(p.Definition.TaskRole),
		RuntimePlatform:         &types.RuntimePlatform{CpuArchitecture: arch, OperatingSystemFamily: types.OSFamilyLinux},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name:              aws.String(fleet.RunnerContainer),
			Image:             aws.String(image),
			Essential:         aws.Bool(true),
			MemoryReservation: aws.Int32(reservation),
			StopTimeout:       aws.Int32(stopTimeout),
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group":         p.Definition.LogGroup,
				"awslogs-region":        p.Definition.Region,
				"awslogs-stream-prefix": LogPrefix,
			}},
		}},
		Tags: []types.Tag{{Key: aws.String(deployment.FleetTag), Value: aws.String(d.FleetName)}},
	}, nil
}

// serves reports whether a definition that was found is active and has the wanted
// content. The family stands for image and architecture; the rest may have changed with
// a deployment. ECS adds defaults, so only what the fleet sets is compared.
func serves(found *types.TaskDefinition, want *ecs.RegisterTaskDefinitionInput) bool {
	if found == nil || found.Status != types.TaskDefinitionStatusActive || len(found.ContainerDefinitions) != 1 {
		return false
	}
	has, wants := found.ContainerDefinitions[0], want.ContainerDefinitions[0]
	return text(found.ExecutionRoleArn) == text(want.ExecutionRoleArn) &&
		text(found.TaskRoleArn) == text(want.TaskRoleArn) &&
		found.RuntimePlatform != nil && found.RuntimePlatform.CpuArchitecture == want.RuntimePlatform.CpuArchitecture &&
		text(has.Name) == text(wants.Name) &&
		text(has.Image) == text(wants.Image) &&
		aws.ToInt32(has.StopTimeout) == aws.ToInt32(wants.StopTimeout) &&
		!hasInit(has) &&
		has.LogConfiguration != nil && maps.Equal(has.LogConfiguration.Options, wants.LogConfiguration.Options)
}

// hasInit reports whether the container's first process is not the entrypoint. That
// process would be open to the job, which has its user, and so would be the way to the
// log past the entrypoint.
func hasInit(c types.ContainerDefinition) bool {
	return c.LinuxParameters != nil && aws.ToBool(c.LinuxParameters.InitProcessEnabled)
}

// isUnknownFamily recognizes ECS's answer for a family without an active revision:
// "Unable to describe task definition." For any other ClientException, registering
// fails for the same reason, and reports it.
func isUnknownFamily(err error) bool {
	var client *types.ClientException
	return errors.As(err, &client)
}

// registerHints say what to do about a definition that ECS refuses.
var registerHints = map[string]string{
	"AccessDeniedException": "the function's role needs ecs:RegisterTaskDefinition and iam:PassRole; deploy again",
}

func registerError(err error, did, family string) error {
	var api smithy.APIError
	known := errors.As(err, &api)
	if v, ok := bySentence(errorText(api, known)); awserr.MayPass(err) || ok && v == throttle {
		return fleet.Errorf(fleet.AWSUnavailable, "%s task definition %s: ECS did not answer, or asked to slow down: %w", did, family, err)
	}
	if !known {
		return awserr.CallError(err, "%s task definition %s", did, family)
	}
	hint := registerHints[api.ErrorCode()]
	if hint == "" {
		hint = "correct the configuration and deploy again"
	}
	words := api.ErrorMessage()
	if words == "" {
		words = api.ErrorCode()
	}
	return &fleet.Error{Name: fleet.RunnerLaunchFailed, Message: compose("ECS refuses to "+did+" task definition "+family, words, hint), Err: err}
}

func errorText(api smithy.APIError, known bool) string {
	if !known {
		return ""
	}
	return api.ErrorMessage()
}
