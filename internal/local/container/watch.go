package container

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// watch is the handle of one task's container.
type watch struct {
	*Runner
	task  task.Task
	id    string       // "" if there is none
	ended *task.Ending // how, if that is known already

	copied atomic.Int64 // bytes of the log that came
}

func (w *watch) over(end task.Ending) *watch {
	w.ended = &end
	return w
}

// Process is zero: a container is found by its labels.
func (w *watch) Process() task.Process { return task.Process{} }

// isCreated reports whether the container was made and never started.
func (w *watch) isCreated(ctx context.Context) (bool, error) {
	got, err := w.cfg.Engine.client.ContainerInspect(ctx, w.id, client.ContainerInspectOptions{})
	return err == nil && got.Container.State != nil && got.Container.State.Status == container.StateCreated, err
}

// start starts a container that was created, unless the task is to stop.
func (w *watch) start(ctx context.Context) error {
	err := w.task.Stopping.Err()
	if err == nil {
		_, err = w.cfg.Engine.client.ContainerStart(ctx, w.id, client.ContainerStartOptions{})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", task.CannotStart, err)
	}
	return nil
}

// Wait copies the container's log until the container has ended, and mends it then. It
// stops the container if the task is to stop.
func (w *watch) Wait(ctx context.Context) (task.Ending, error) {
	if w.ended != nil {
		return *w.ended, nil
	}
	if err := ctx.Err(); err != nil {
		return task.Ending{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	logged := make(chan error, 1)
	go func() { logged <- w.copyLog(ctx) }()
	end, err := w.await(ctx)
	if err != nil {
		return end, err
	}
	if err := w.awaitLog(logged); err != nil {
		w.cfg.Log.Warn("a container's log may be cut", "runner_id", w.task.RunnerID, "error", err.Error())
		return end, nil
	}
	if err := w.mendLog(ctx); err != nil {
		w.cfg.Log.Warn("a container's log may be cut", "runner_id", w.task.RunnerID, "error", err.Error())
	}
	return end, nil
}

// awaitLog returns when following the log has ended, or when the engine has said nothing
// of it for as long as the runner's patience.
func (w *watch) awaitLog(logged <-chan error) error {
	for {
		before := w.copied.Load()
		select {
		case err := <-logged:
			return err
		case <-w.cfg.After(w.cfg.Patience):
			if w.copied.Load() == before {
				return errors.New("the engine did not end the container's log")
			}
		}
	}
}

// Clear removes the container, and its network if it has one of its own.
func (w *watch) Clear(ctx context.Context) error {
	var err error
	if w.id != "" {
		err = w.remove(ctx, w.id)
	}
	return errors.Join(err, w.leave(ctx, w.nameOf(w.task)))
}

// ask asks the engine until it answers. It fails only if ctx ends.
func (w *watch) ask(ctx context.Context, question func() error) error {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := question()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		w.cfg.Log.Warn("the container engine does not answer; asking again", "runner_id", w.task.RunnerID, "error", err.Error())
		select {
		case <-w.cfg.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await returns when the container has ended, and how. It fails only if ctx ends.
func (w *watch) await(ctx context.Context) (end task.Ending, err error) {
	stopping, killing := w.task.Stopping.Done(), w.task.Killing.Done()
	for over := false; ; {
		err := w.ask(ctx, func() (err error) {
			end, over, err = w.look(ctx)
			return err
		})
		if over || err != nil {
			return end, err
		}
		for changed := w.changed(ctx); changed != nil; {
			select {
			case <-changed:
				changed = nil // look says what is true
			case <-stopping:
				stopping = nil
				go w.halt(ctx)
			case <-killing:
				killing = nil
				w.warnIf(w.kill(ctx))
			case <-ctx.Done():
				return end, ctx.Err()
			}
		}
	}
}

// changed is closed when the container has ended, or when the engine stops answering.
// An engine may answer only then.
func (w *watch) changed(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		wait := w.cfg.Engine.client.ContainerWait(ctx, w.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case <-wait.Result:
		case <-wait.Error:
		}
	}()
	return changed
}

// halt asks the engine to stop the container. It asks again until the container is gone
// or the engine has accepted the order.
func (w *watch) halt(ctx context.Context) {
	grace := int(w.cfg.Grace / time.Second)
	for {
		_, err := w.cfg.Engine.client.ContainerStop(ctx, w.id, client.ContainerStopOptions{Timeout: &grace})
		if err == nil || absent(err) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.cfg.After(time.Second):
		}
	}
}

// kill ends the container at once; one that has ended or is gone is no error.
func (w *watch) kill(ctx context.Context) error {
	_, err := w.cfg.Engine.client.ContainerKill(context.WithoutCancel(ctx), w.id, client.ContainerKillOptions{Signal: "SIGKILL"})
	if err == nil || absent(err) || isConflict(err) {
		return nil
	}
	return fmt.Errorf("kill container %s: %w", w.id, err)
}

// look reports whether the container has ended, and how.
func (w *watch) look(ctx context.Context) (end task.Ending, over bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	got, err := w.cfg.Engine.client.ContainerInspect(ctx, w.id, client.ContainerInspectOptions{})
	switch {
	case absent(err):
		return task.Exited(nil, "its container was removed by another program"), true, nil
	case err != nil:
		return end, false, err
	case got.Container.State == nil:
		return end, false, errors.New("the engine tells no state of the container")
	}
	state := got.Container.State
	if state.Running || state.Status == container.StateCreated || state.Status == container.StateRestarting || state.Paused {
		return end, false, nil
	}
	code := state.ExitCode
	end = task.Exited(&code, "")
	if state.OOMKilled {
		end.Why = "OutOfMemoryError: Container killed due to memory usage"
	} else if state.Error != "" {
		end.Why = fmt.Sprintf("ContainerRuntimeError: %s", state.Error)
	}
	return end, true, nil
}

func (w *watch) warnIf(err error) {
	if err != nil {
		w.cfg.Log.Warn("a container is left to the next start", "runner_id", w.task.RunnerID, "error", err.Error())
	}
}
