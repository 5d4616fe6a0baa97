package eventbus

import (
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// Of is the fleet's bus, for a function.
func Of(f *function.Function) Bus {
	return Bus{EventBridge: eventbridge.NewFromConfig(f.AWS), Name: f.Env(deployment.EnvBus)}
}
