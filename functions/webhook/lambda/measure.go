package main

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
)

// measure counts a delivery by its outcome.
func measure(writer *metrics.Writer, outcome webhook.Outcome) {
	switch outcome {
	case webhook.Accepted, webhook.Refused, webhook.Ignored, webhook.Pong:
		writer.Put(deployment.MetricWebhookAccepted, 1, nil)
	case webhook.Unauthorized, webhook.Forbidden:
		writer.Put(deployment.MetricWebhookRejected, 1, nil)
	}
}
