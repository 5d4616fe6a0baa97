package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// await returns when the container has ended, and how. It stops it if the task is to
// stop. It fails only if the launcher leaves.
func (l *Launcher) await(t *task, id string) (ending, error) {
	stopping, killing := t.stopping.Done(), t.killing.Done()
	pause := time.Second
	for {
		if end, over, err := l.look(id); over {
			return end, nil
		} else if err != nil {
			l.cfg.Log.Warn("the container engine does not answer; asking again", "runner_id", t.state.StartedBy, "error", err.Error())
			select {
			case <-l.cfg.After(pause):
				pause = min(2*pause, 30*time.Second)
				continue
			case <-l.ctx.Done():
				return ending{}, l.ctx.Err()
			}
		}
		pause = time.Second
		waitCtx, cancel := context.WithCancel(l.ctx)
		changed := l.changed(waitCtx, id)
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false // look says what is true
			case <-stopping:
				stopping = nil
				go l.halt(t, id)
			case <-killing:
				killing = nil
				if err := l.kill(id); err != nil {
					l.cfg.Log.Warn("a task is not killed", "error", err.Error())
				}
			case <-l.ctx.Done():
				cancel()
				return ending{}, l.ctx.Err()
			}
		}
		cancel()
	}
}

// changed is closed when the container runs no more, or when the engine does not answer
// any more. An engine may answer only then.
func (l *Launcher) changed(ctx context.Context, id string) <-chan struct{} {
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		wait := l.cfg.Engine.client.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case <-wait.Result:
		case <-wait.Error:
		}
	}()
	return changed
}

// halt has the engine stop a container, again until the container is gone or the engine
// has taken the order.
func (l *Launcher) halt(t *task, id string) {
	grace := int(l.cfg.Grace / time.Second)
	for {
		_, err := l.cfg.Engine.client.ContainerStop(l.ctx, id, client.ContainerStopOptions{Timeout: &grace})
		if err == nil || absent(err) || l.ctx.Err() != nil {
			return
		}
		select {
		case <-t.done:
			return
		case <-l.ctx.Done():
			return
		case <-l.cfg.After(time.Second):
		}
	}
}

// look tells whether a container has ended, and how.
func (l *Launcher) look(id string) (end ending, over bool, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, answers)
	defer cancel()
	got, err := l.cfg.Engine.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	switch {
	case absent(err):
		return ending{stopCode: fleet.StopEssentialContainerExited, reason: "Essential container in task exited: somebody removed the container"}, true, nil
	case err != nil:
		return ending{}, false, err
	case got.Container.State == nil:
		return ending{}, false, errors.New("the engine tells no state of the container")
	}
	state := got.Container.State
	if state.Running || state.Status == container.StateCreated || state.Status == container.StateRestarting || state.Paused {
		return ending{}, false, nil
	}
	code := state.ExitCode
	end = ending{exitCode: &code, stopCode: fleet.StopEssentialContainerExited, reason: "Essential container in task exited"}
	if state.OOMKilled {
		end.why = "OutOfMemoryError: Container killed due to memory usage"
	} else if state.Error != "" {
		end.why = fmt.Sprintf("ContainerRuntimeError: %s", state.Error)
	}
	return end, true, nil
}
