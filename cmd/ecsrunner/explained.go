package main

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// explained is a fleet on AWS whose errors are explained for people, and whose traces name
// the caller as AWS knows them.
type explained struct {
	fleet  operate.Fleet
	cloud  *cloud
	caller string
}

// as is the operator by the name that AWS gives them.
func (e explained) as(by fleet.Operator) fleet.Operator {
	by.By = e.caller
	return by
}

func (e explained) PlanDrain(ctx context.Context, now bool) (operate.DrainPlan, error) {
	result, err := e.fleet.PlanDrain(ctx, now)
	return result, e.cloud.explain(err)
}

func (e explained) Pause(ctx context.Context, by fleet.Operator) (operate.PauseResult, error) {
	result, err := e.fleet.Pause(ctx, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) Resume(ctx context.Context, by fleet.Operator) (operate.ResumeResult, error) {
	result, err := e.fleet.Resume(ctx, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) Drain(ctx context.Context, now bool, by fleet.Operator, progress func(line string)) (operate.DrainResult, error) {
	result, err := e.fleet.Drain(ctx, now, e.as(by), progress)
	return result, e.cloud.explain(err)
}

func (e explained) Terminate(ctx context.Context, runnerID string, force bool, by fleet.Operator) (operate.TerminateResult, error) {
	result, err := e.fleet.Terminate(ctx, runnerID, force, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) Retry(ctx context.Context, runID string, by fleet.Operator) (operate.RetryResult, error) {
	result, err := e.fleet.Retry(ctx, runID, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) BuildImage(ctx context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error) {
	result, err := e.fleet.BuildImage(ctx, spec, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) RemoveImage(ctx context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error) {
	result, err := e.fleet.RemoveImage(ctx, tag, e.as(by))
	return result, e.cloud.explain(err)
}

func (e explained) RefreshImages(ctx context.Context, all bool, by fleet.Operator) (operate.RefreshResult, error) {
	result, err := e.fleet.RefreshImages(ctx, all, e.as(by))
	return result, e.cloud.explain(err)
}
