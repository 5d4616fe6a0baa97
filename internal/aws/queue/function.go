package queue

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// FailedEventsOf is the queue of the events that dispatch could not handle, for a function
// that reads them with hear.
func FailedEventsOf(f *function.Function, hear func(events.EventBridgeEvent) (fleet.Event, bool, error)) FailedEvents {
	return FailedEvents{SQS: sqs.NewFromConfig(f.AWS), URL: f.Env(deployment.EnvFailedEvents), Hear: hear, Log: f.Log}
}
