package simulation

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// cost is what the history cost on AWS, in dollars: Fargate from the start of the pull,
// a minute at least; CodeBuild; and the control plane.
func (w *World) cost(executions int) float64 {
	dollars := float64(executions) * price.In(price.Home).Runner().Dollars()
	for _, task := range w.ECS.Tasks() {
		if task.PullStartedAt.IsZero() {
			continue // it had no room, or no address
		}
		end := task.StoppedAt
		if end.IsZero() {
			end = w.k.Now()
		}
		hours := max(end.Sub(task.PullStartedAt), time.Minute).Hours()
		class := fleet.Class{CPU: task.CPU, Memory: task.Memory} // of x64
		dollars += hours * price.Hour(class, fleet.CapacityProvider(task.Provider))
	}
	for _, build := range w.CodeBuild.Builds() {
		if build.BegunAt.IsZero() {
			continue // it waited in the queue
		}
		end := build.EndedAt
		if end.IsZero() {
			end = w.k.Now()
		}
		dollars += price.In(price.Home).Build(end.Sub(build.BegunAt)).Dollars()
	}
	return dollars
}
