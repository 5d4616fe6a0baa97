package main

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// explained is a fleet on AWS whose errors are explained for people.
type explained struct {
	fleet operate.Fleet
	cloud *cloud
}

func (e explained) Pause(ctx context.Context, reason string) (operate.PauseResult, error) {
	result, err := e.fleet.Pause(ctx, reason)
	return result, e.cloud.explain(err)
}

func (e explained) Resume(ctx context.Context) (operate.ResumeResult, error) {
	result, err := e.fleet.Resume(ctx)
	return result, e.cloud.explain(err)
}

func (e explained) Drain(ctx context.Context, now bool, progress func(line string)) (operate.DrainResult, error) {
	result, err := e.fleet.Drain(ctx, now, progress)
	return result, e.cloud.explain(err)
}

func (e explained) Terminate(ctx context.Context, runnerID string, force bool) (operate.TerminateResult, error) {
	result, err := e.fleet.Terminate(ctx, runnerID, force)
	return result, e.cloud.explain(err)
}

func (e explained) Retry(ctx context.Context, runID string) (operate.RetryResult, error) {
	result, err := e.fleet.Retry(ctx, runID)
	return result, e.cloud.explain(err)
}

func (e explained) BuildImage(ctx context.Context, spec fleet.ImageSpec) (fleet.ImageRecord, error) {
	result, err := e.fleet.BuildImage(ctx, spec)
	return result, e.cloud.explain(err)
}

func (e explained) RemoveImage(ctx context.Context, tag string) (fleet.ImageRecord, error) {
	result, err := e.fleet.RemoveImage(ctx, tag)
	return result, e.cloud.explain(err)
}

func (e explained) RefreshImages(ctx context.Context, all bool) (operate.RefreshResult, error) {
	result, err := e.fleet.RefreshImages(ctx, all)
	return result, e.cloud.explain(err)
}
