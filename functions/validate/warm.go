package validate

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// warm returns the plan of a runner that a pool launched: what the pool's runners are. There
// is no job yet to ask GitHub or policy about; its hook asks about the one that it takes. GitHub
// is asked whether the runner group has none but private repositories; without an answer the
// pool tries again later.
func (s Step) warm(ctx context.Context, call fleet.Call) (fleet.Plan, error) {
	runner, err := s.Fleet.ReadRunner(ctx, call.RunnerID)
	if err != nil {
		return fleet.Plan{}, err
	}
	if runner.Phase != fleet.Open {
		return fleet.Plan{Decision: fleet.NotWanted, Reason: runner.NotWanted()}, nil
	}
	pool, ok := s.Policy.PoolOf(call.Document.Pool, runner.Spec)
	if !ok {
		return fleet.Plan{Decision: fleet.NotWanted, Reason: "the configuration has changed, and no pool wants such a runner any more"}, nil
	}
	if pool.Repository == "" {
		if err := s.Access.CanIdle(ctx, pool.Place); err != nil {
			return fleet.Plan{}, err
		}
	}
	plan := s.plan(pool.Decision)
	plan.Ready = s.ready(ctx, pool.Decision.Image)
	if err := s.Fleet.AdmitWarm(ctx, call.RunnerID, pool.Decision, plan.Ready); err != nil {
		return fleet.Plan{}, err
	}
	return plan, nil
}
