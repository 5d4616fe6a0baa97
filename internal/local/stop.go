package local

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
)

// settle is how long open work may take to end once no more comes.
const settle = 5 * time.Second

// Stop ends the fleet. It refuses webhooks, so that GitHub shows them as failed and
// they can be redelivered. It ends runners without a job. Jobs may finish until ctx
// ends; then it stops them. Runs that still need a runner get it from the next process
// on the data directory.
func (f *Fleet) Stop(ctx context.Context) error {
	f.stopping.Store(true)
	f.sweeper.Close()
	f.letIdleGo(ctx)
	f.awaitJobs(ctx)
	f.traceStop(ctx)

	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.cfg.StopGrace+settle)
	defer cancel()
	err := f.platform.Close(rest)
	f.awaitExecutions(rest)
	f.release()
	return err
}

func (f *Fleet) letIdleGo(ctx context.Context) {
	runners, err := f.store.OpenRunners(ctx)
	if err != nil {
		f.cfg.Log.Warn("leaving idle runners to the next process", "error", err.Error())
		return
	}
	for _, r := range runners {
		if r.Took != 0 {
			continue
		}
		if ended, err := f.lifecycle.End(ctx, r.RunnerID, "the fleet is stopping"); err != nil {
			f.cfg.Log.Warn("leaving an idle runner to the next process", "runner_id", r.RunnerID, "error", err.Error())
		} else if ended == lifecycle.EndBusy {
			f.cfg.Log.Info("a runner has a job: it may finish", "runner_id", r.RunnerID)
		}
	}
}

// traceStop writes who stops the jobs that still run, before they are stopped: GitHub will
// call them cancelled or failed.
func (f *Fleet) traceStop(ctx context.Context) {
	if f.live() == 0 {
		return
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	by := fleet.Operator{By: control.ThisUser(), Reason: "asked twice to stop"}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		by.Reason = "the jobs did not end in the time that a stop waits for them (--stop-timeout)"
	}
	runners, err := f.store.OpenRunners(rest)
	runners = slices.DeleteFunc(runners, func(r fleet.Runner) bool {
		return r.Phase != fleet.Open || r.TaskARN == "" || r.Stopped() || f.jobHasEnded(rest, r)
	})
	if err == nil && len(runners) > 0 {
		err = f.lifecycle.StoppingAll(rest, runners, by.Act(fleet.CommandStopNow, rand.Text(), f.lifecycle.Now()))
	}
	if err != nil {
		f.cfg.Log.Warn("the records do not say who stops the jobs", "error", err.Error())
	}
}

// jobHasEnded reports whether the job is over that a runner took: only its task still ends.
func (f *Fleet) jobHasEnded(ctx context.Context, r fleet.Runner) bool {
	if r.Took == 0 {
		return false
	}
	run, known, err := f.store.Run(ctx, fleet.RunID(r.Took))
	return err == nil && known && run.Status.Terminal()
}

// awaitJobs waits until no task runs any more.
func (f *Fleet) awaitJobs(ctx context.Context) {
	for f.live() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-f.stopped:
		}
	}
}

// awaitExecutions lets the ends of the tasks go through the bus and the
// state machine, so that records are closed where they can be.
func (f *Fleet) awaitExecutions(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for {
		runners, err := f.store.OpenRunners(ctx)
		open := 0
		for _, r := range runners {
			if r.TaskARN != "" {
				open++
			}
		}
		if err != nil || open == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-f.ended:
		}
	}
}

// release releases everything that Start acquired, even if Start failed half-way.
func (f *Fleet) release() {
	ctx, cancel := context.WithTimeout(context.Background(), settle)
	defer cancel()
	if f.server != nil {
		_ = f.server.Shutdown(ctx) // after the limit, connections are cut
		_ = f.server.Close()
	}
	if f.sweeper != nil {
		f.sweeper.Close()
	}
	if f.exported != nil {
		_ = f.exported(ctx) // what cannot be sent is logged
	}
	if f.control != nil {
		f.control.Close()
	}
	if f.platform != nil {
		_ = f.platform.Close(ctx)
	}
	if f.claims != nil {
		f.claims.Close()
	}
	if f.builder != nil {
		f.builder.Close()
	}
	if f.bus != nil {
		f.bus.Close(ctx)
	}
	if f.engine != nil {
		_ = f.engine.Close(ctx)
	}
	if f.store != nil {
		_ = f.store.Close()
	}
	if f.server == nil && f.listener != nil {
		_ = f.listener.Close()
	}
	switch {
	case f.apiServer != nil:
		_ = f.apiServer.Close()
	case f.apiAt != nil:
		_ = f.apiAt.Close()
	}
	if f.lock != nil {
		_ = f.lock.Close()
	}
}
