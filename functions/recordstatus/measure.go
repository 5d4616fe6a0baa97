package recordstatus

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

// measure measures a runner that has been closed, and how long its job waited for it. A
// step that is repeated measures again.
func (s Step) measure(closed fleet.CloseResult, failure string) {
	if s.Metrics == nil {
		return
	}
	if failure != "" {
		s.Metrics.Put(metric.RunnerFailed, 1, metric.Labels{metric.ByError: failure})
	}
	if run := closed.Run; run != nil && run.RanOn == closed.Runner.RunnerID {
		if waited, known := run.QueueTime(); known {
			s.Metrics.Put(metric.QueueTime, float64(waited.Milliseconds()), nil)
		}
	}
}
