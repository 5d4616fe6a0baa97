package ecsfleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Launch starts one task. The same client token gets the same task, even if the other
// parameters have changed: ECS then names the task in its refusal. It fails with
// Runner.NoCapacity or Runner.QuotaExceeded if there is certainly no task, with
// Runner.LaunchFailed if there never will be one, and with Runner.LaunchUnclear if the
// caller must ask again with the same parameters.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
func (p Platform) Launch(ctx context.Context, launch fleet.TaskLaunch) (fleet.Task, error) {
	out, err := p.ECS.RunTask(ctx, p.runTask(launch))
	var conflict *types.ConflictException
	switch {
	case errors.As(err, &conflict):
		return sameTask(conflict, launch)
	case err != nil:
		return fleet.Task{}, launchError(err)
	case len(out.Tasks) > 0:
		return taskOf(out.Tasks[0]), nil
	}
	return fleet.Task{}, launchFailure(out.Failures)
}

// sameTask is the task that an earlier request with this token started.
func sameTask(conflict *types.ConflictException, launch fleet.TaskLaunch) (fleet.Task, error) {
	for _, id := range conflict.ResourceIds {
		if strings.Contains(id, ":task/") {
			return fleet.Task{ARN: id, StartedBy: launch.RunnerID}, nil
		}
	}
	return fleet.Task{}, unclear.error("the client token was used before, for a task that ECS does not name", conflict)
}

// runTask is a pure function of the launch, byte for byte: maps are sorted here.
func (p Platform) runTask(launch fleet.TaskLaunch) *ecs.RunTaskInput {
	overrides := &types.TaskOverride{
		Cpu:                aws.String(strconv.Itoa(launch.CPU)),
		Memory:             aws.String(strconv.Itoa(launch.Memory)),
		ContainerOverrides: []types.ContainerOverride{{Name: aws.String(fleet.RunnerContainer), Environment: environment(launch.Env)}},
	}
	if launch.EphemeralStorage != 0 { // Fargate refuses its own 20 GiB as an override
		overrides.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: int32(launch.EphemeralStorage)} // 21 to 200
	}
	return &ecs.RunTaskInput{
		Cluster:                  aws.String(p.Cluster),
		ClientToken:              aws.String(launch.ClientToken),
		StartedBy:                aws.String(launch.RunnerID),
		Count:                    aws.Int32(1),
		TaskDefinition:           aws.String(launch.TaskDefinition),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String(string(launch.CapacityProvider)), Weight: 1}},
		EnableExecuteCommand:     false,
		NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: p.Network.without(launch.LeftOut)},
		Overrides:                overrides,
		PropagateTags:            types.PropagateTagsTaskDefinition,
		Tags: []types.Tag{
			{Key: aws.String(deployment.FleetTag), Value: aws.String(p.FleetName)},
			{Key: aws.String(deployment.RunnerTag), Value: aws.String(launch.RunnerID)},
		},
	}
}

// without is the network without some of its subnets, or the whole network if none
// would be left.
func (n Network) without(leftOut []string) *types.AwsVpcConfiguration {
	subnets := slices.DeleteFunc(slices.Clone(n.Subnets), func(id string) bool { return slices.Contains(leftOut, id) })
	if len(subnets) == 0 {
		subnets = n.Subnets
	}
	ip := types.AssignPublicIpDisabled
	if n.AssignPublicIP {
		ip = types.AssignPublicIpEnabled
	}
	return &types.AwsVpcConfiguration{Subnets: subnets, SecurityGroups: n.SecurityGroups, AssignPublicIp: ip}
}

func environment(env map[string]string) []types.KeyValuePair {
	var pairs []types.KeyValuePair
	for _, name := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, types.KeyValuePair{Name: aws.String(name), Value: aws.String(env[name])})
	}
	return pairs
}
