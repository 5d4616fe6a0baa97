package local

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// operator operates this fleet, for the control socket.
func (f *Fleet) operator() operator {
	o := operate.Operator{
		Fleet: f.lifecycle, Repositories: f.cfg.Policy.Repositories,
		Records: f.store, GitHub: f.github, Bus: f.bus, Executions: allExecutions{f.engine}, Platform: f.platform,
		Images: f.images(), Cursors: f.store,
		NewID: rand.Text, Wait: wait,
	}
	if f.builder != nil {
		o.Builds, o.Registry = f.builder, f.builder
	}
	return operator{o, f}
}

// operator is an operate.Operator that wakes the sweep when the sweep has something to
// build, and refuses builds where there are no images.
type operator struct {
	operate.Operator
	fleet *Fleet
}

func (o operator) BuildImage(ctx context.Context, spec fleet.ImageSpec, by fleet.Operator) (fleet.ImageRecord, error) {
	if o.fleet.builder == nil {
		return fleet.ImageRecord{}, errors.New(noImages)
	}
	record, err := o.Operator.BuildImage(ctx, spec, by)
	o.fleet.sweeper.Hurry()
	return record, err
}

func (o operator) RemoveImage(ctx context.Context, tag string, by fleet.Operator) (fleet.ImageRecord, error) {
	if o.fleet.builder == nil {
		return fleet.ImageRecord{}, errors.New(noImages)
	}
	return o.Operator.RemoveImage(ctx, tag, by)
}

func (o operator) RefreshImages(ctx context.Context, all bool, by fleet.Operator) (operate.RefreshResult, error) {
	if o.fleet.builder == nil {
		return operate.RefreshResult{}, errors.New(noImages)
	}
	result, err := o.Operator.RefreshImages(ctx, all, by)
	o.fleet.sweeper.Hurry()
	return result, err
}

// wait looks again sooner than on AWS: a process ends sooner than a task.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// allExecutions are the engine's, in the form that an operator needs.
type allExecutions struct{ engine *engine.Engine }

func (e allExecutions) Running(ctx context.Context) (names []string, err error) {
	running, err := e.engine.List(ctx, engine.Running, 0)
	for _, execution := range running {
		names = append(names, execution.Name)
	}
	return names, err
}

func (e allExecutions) Stop(ctx context.Context, name, cause string) error {
	err := e.engine.Stop(ctx, name, fleet.RunnerNotWanted, cause)
	if errors.Is(err, engine.ErrExecutionDoesNotExist) {
		return nil
	}
	return err
}
