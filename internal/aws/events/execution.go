package events

import (
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// execution is the detail of a Step Functions event
// (https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html).
// Its input and output are not read.
type execution struct {
	StateMachineARN string `json:"stateMachineArn"`
	Name            string `json:"name"`
	Status          string `json:"status"`
	Error           string `json:"error"`
	Cause           string `json:"cause"`
}

func (l Listener) execution(e execution) (fleet.ExecutionEnded, bool) {
	ours := l.StateMachineARN != "" && e.StateMachineARN == l.StateMachineARN
	return fleet.ExecutionEnded{Name: e.Name, Status: e.Status, Error: e.Error, Cause: e.Cause}, ours && slices.Contains(deployment.ExecutionStatuses, e.Status)
}
