package container

import (
	"context"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// containerName stands for the one container of a task, as in ECS's events.
const containerName = "runner"

// task is one task's state, under the launcher's mutex, and the ways to end it.
type task struct {
	record
	clientToken, parameters string
	state                   fleet.Task
	spec                    *Spec // nil for one that was taken over
	lives                   bool  // a goroutine looks after it

	stopping context.Context // ends when the task is to stop
	stop     context.CancelFunc
	killing  context.Context // ends when it is to be killed
	hurry    context.CancelFunc
	done     chan struct{} // closed when nothing of the task is left
}

func newTask(r record) *task {
	t := &task{record: r, clientToken: r.ClientToken, parameters: r.Parameters, state: r.Task, lives: true, done: make(chan struct{})}
	t.stopping, t.stop = context.WithCancel(context.Background())
	t.killing, t.hurry = context.WithCancel(context.Background())
	return t
}

// snapshot is a copy that nobody changes. Only containers are ever changed in place.
func (t *task) snapshot() fleet.Task {
	s := t.state
	s.Containers = append([]fleet.Container(nil), s.Containers...)
	return s
}

// wantStopped tells whether that is new.
func (t *task) wantStopped(reason string) bool {
	if t.state.DesiredStatus == fleet.TaskStopped {
		return false
	}
	t.state.DesiredStatus = fleet.TaskStopped
	t.state.StopCode, t.state.StoppedReason = fleet.StopUserInitiated, reason
	t.state.Version++
	t.stop()
	return true
}

// ending is how a task ended of itself; one that was told to stop says so.
type ending struct {
	exitCode *int
	stopCode string
	reason   string // of the task
	why      string // of the container, "" if the exit code says all
}

func notStarted(what string, err error) ending {
	return ending{stopCode: fleet.StopTaskFailedToStart, reason: fmt.Sprintf("%s: %v", what, err)}
}

// change applies one change of LastStatus, records it and tells of it. It fails if it
// could not be recorded.
func (l *Launcher) change(t *task, apply func(*fleet.Task)) error {
	l.mu.Lock()
	apply(&t.state)
	s := t.snapshot()
	l.mu.Unlock()
	err := l.save(t)
	l.cfg.Notify(s)
	return err
}

// running notes that the container runs.
func (l *Launcher) running(t *task) error {
	return l.change(t, func(s *fleet.Task) {
		now := l.cfg.Now()
		s.LastStatus, s.StartedAt = fleet.TaskRunning, &now
		s.Version++
	})
}

// stopped is the last change of a task. It is recorded before the container goes, which
// knows how it ended.
func (l *Launcher) stopped(t *task, end ending) error {
	return l.change(t, func(s *fleet.Task) {
		now := l.cfg.Now()
		s.LastStatus, s.StoppedAt = fleet.TaskStopped, &now
		s.Containers[0].ExitCode, s.Containers[0].Reason = end.exitCode, end.why
		if end.exitCode == nil && end.why == "" {
			s.Containers[0].Reason = end.reason
		}
		if s.DesiredStatus != fleet.TaskStopped {
			s.DesiredStatus, s.StopCode, s.StoppedReason = fleet.TaskStopped, end.stopCode, end.reason
		}
		s.Version++
	})
}

// outdated is whether a task stopped so long ago that it is not remembered.
func outdated(task fleet.Task, now time.Time) bool {
	return task.LastStatus == fleet.TaskStopped && task.StoppedAt.Before(now.Add(-remembered))
}
