package ecsfleet

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// Tasks is the cluster for a function that looks at tasks and task definitions, and stops
// them.
func Tasks(f *function.Function) Platform {
	return Platform{ECS: ecs.NewFromConfig(f.AWS), Cluster: f.Env(deployment.EnvCluster), FleetName: f.Policy().FleetName}
}

// Launcher is Tasks for a function that starts them too.
func Launcher(f *function.Function) Platform {
	platform := Tasks(f)
	platform.Network = Network{
		Subnets:        f.List(deployment.EnvSubnets),
		SecurityGroups: f.List(deployment.EnvSecurityGroups),
		AssignPublicIP: f.Env(deployment.EnvAssignPublicIP) == "true",
	}
	return platform
}

// Definitions is ECS for a function that registers task definitions.
func Definitions(f *function.Function) Platform {
	return Platform{
		ECS: ecs.NewFromConfig(f.AWS), FleetName: f.Policy().FleetName,
		Definition: Definition{
			Repository:    f.Env(deployment.EnvRepository),
			ExecutionRole: f.Env(deployment.EnvExecutionRole),
			TaskRole:      f.Env(deployment.EnvTaskRole),
			LogGroup:      f.Env(deployment.EnvRunnerLogs),
			Region:        f.AWS.Region,
		},
	}
}
