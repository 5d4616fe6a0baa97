package stepfn

import (
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// ExecutionsOf is the state machine for a function that starts, signals and looks at
// executions.
func ExecutionsOf(f *function.Function) Executions {
	executions := Signals(f)
	executions.StateMachineARN = f.Env(deployment.EnvStateMachine)
	return executions
}

// Signals is ExecutionsOf for a function that starts none.
func Signals(f *function.Function) Executions { return Executions{SFN: sfn.NewFromConfig(f.AWS)} }
