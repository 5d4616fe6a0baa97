package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Resume takes over the containers of an earlier launcher on the data directory, and
// tells again how its last tasks ended. Containers of tasks that nobody knows any more, or
// that have ended, are removed; those of other fleets and data directories are not looked
// at. It fails if the engine does not answer, and then nothing is taken over.
func (l *Launcher) Resume(ctx context.Context) error {
	list, err := l.cfg.Engine.client.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelDir+"="+l.mark),
	})
	if err != nil {
		return fmt.Errorf("look for containers of an earlier process: %w", err)
	}
	byARN := map[string]string{}
	for _, c := range list.Items {
		byARN[c.Labels[labelTask]] = c.ID
	}
	l.mu.Lock()
	var open, over []*task
	for _, t := range l.tasks {
		switch {
		case t.lives:
			delete(byARN, t.state.ARN) // launched since New
		case t.state.LastStatus == fleet.TaskStopped:
			over = append(over, t)
		default:
			t.lives = true
			open = append(open, t)
		}
	}
	l.mu.Unlock()
	for _, t := range over {
		l.cfg.Notify(t.snapshot())
	}
	for _, t := range open {
		id := byARN[t.state.ARN]
		delete(byARN, t.state.ARN)
		l.work.Go(func() { l.takeOver(t, id) })
	}
	var failed []error
	for _, id := range byARN {
		failed = append(failed, l.remove(id))
	}
	return errors.Join(failed...)
}

// takeOver goes on with a task of an earlier launcher. One whose container was never made
// has not started; its spec, which had a credential, is not recorded.
func (l *Launcher) takeOver(t *task, id string) {
	defer func() {
		t.stop()
		t.hurry()
		close(t.done)
	}()
	if id == "" {
		end := ending{stopCode: fleet.StopEssentialContainerExited, reason: "Essential container in task exited: its container was removed while the fleet was down"}
		if t.state.LastStatus == fleet.TaskPending {
			end = notStarted("CannotStartContainerError", errors.New("the fleet was killed while it started the task"))
		}
		l.end(t, "", end)
		return
	}
	log, err := openLog(l.cfg.Dir, t.state.StartedBy, l.cfg.MaxLog)
	if err != nil {
		l.end(t, id, notStarted("ResourceInitializationError", err))
		return
	}
	defer log.Close()
	l.follow(t, id, log)
}

// ContainersLabelled are the names of the containers with a label.
func (e *Engine) ContainersLabelled(ctx context.Context, label, value string) (names []string, err error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", label+"="+value)})
	if err != nil {
		return nil, fmt.Errorf("list the containers with %s=%s: %w", label, value, err)
	}
	for _, c := range list.Items {
		names = append(names, c.Names...)
	}
	return names, nil
}
