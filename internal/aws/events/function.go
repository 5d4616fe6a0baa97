package events

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// ListenerOf is the fleet's listener, for a function that reads logs with lastLines.
func ListenerOf(f *function.Function, lastLines func(group, stream string, most int) ([]string, error)) Listener {
	return Listener{
		ClusterARN:      f.Env(deployment.EnvCluster),
		BuildProject:    f.Env(deployment.EnvBuildProject),
		StateMachineARN: f.Env(deployment.EnvStateMachine),
		LastLines:       lastLines,
	}
}
