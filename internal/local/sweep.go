package local

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Defaults of how often the sweep runs, and of how long it leaves to the ordinary way.
const (
	defaultSweepEvery = time.Minute
	defaultSweepGrace = time.Minute
)

// sweeper runs the sweep until it is stopped.
type sweeper struct {
	stop  context.CancelFunc
	done  chan struct{}
	hurry chan struct{}
}

func (f *Fleet) startSweeper() *sweeper {
	every, grace := f.cfg.SweepEvery, f.cfg.SweepGrace
	if every == 0 {
		every = defaultSweepEvery
	}
	if grace == 0 {
		grace = defaultSweepGrace
	}
	handler := sweep.Handler{
		Fleet: f.lifecycle, Policy: f.cfg.Policy, Records: f.store, GitHub: f.github, Executions: executions{f.engine},
		Platform: f.platform, Bus: f.bus, NewID: rand.Text, Notices: f.notices(), Reruns: lifecycle.Reruns{GitHub: f.github, Cursors: f.store}, Grace: grace, Images: f.images(),
	}
	if f.builder != nil {
		handler.Builder = f.builder
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &sweeper{stop: stop, done: make(chan struct{}), hurry: make(chan struct{}, 1)}
	go func() {
		defer close(s.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		var forgot time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-s.hurry:
			}
			repairs, err := handler.Run(ctx)
			err = f.measureSweep(ctx, repairs, err)
			if now := time.Now(); now.Sub(forgot) >= forgetEvery {
				forgot = now
				err = errors.Join(err, f.forget(ctx, now))
			}
			if err != nil && ctx.Err() == nil {
				f.cfg.Log.Warn("part of a sweep was left", "error", err.Error())
			}
			f.troubles.note(&f.troubles.sweep, err)
			f.sweeps.Add(1)
			f.observe()
		}
	}()
	return s
}

// Hurry makes the next sweep run now.
func (s *sweeper) Hurry() { ping(s.hurry) }

// Close waits for a sweep that is under way.
func (s *sweeper) Close() {
	s.stop()
	<-s.done
}

// Sweeps counts the sweeps since the start.
func (f *Fleet) Sweeps() int64 { return f.sweeps.Load() }

// Running reports the status of an execution to the sweep.
func (e executions) Running(ctx context.Context, name string) (running, known bool, err error) {
	execution, err := e.engine.Describe(ctx, name)
	if errors.Is(err, engine.ErrExecutionDoesNotExist) {
		return false, false, nil
	}
	return execution.Status == engine.Running, err == nil, err
}
