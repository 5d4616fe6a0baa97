package webhook

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"

// measure counts a delivery by its outcome. One that nobody could read counts as neither:
// anyone can send it.
func (h Handler) measure(outcome Outcome) {
	if h.Metrics == nil {
		return
	}
	switch outcome {
	case Accepted, Refused, Ignored, Pong:
		h.Metrics.Put(metric.WebhookAccepted, 1, nil)
	case Unauthorized, Forbidden:
		h.Metrics.Put(metric.WebhookRejected, 1, nil)
	}
}
