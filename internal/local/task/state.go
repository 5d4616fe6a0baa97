package task

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// entry is one task: its record, under the ledger's mutex, and the ways to end it.
type entry struct {
	Record
	spec  Spec // of a task that was taken over, only the runner id
	lives bool // a goroutine looks after it, or it has stopped

	saving *sync.Mutex // held to write the record of its runner

	stopping context.Context // ends when the task is to stop
	stop     context.CancelFunc
	killing  context.Context // ends when it is to be killed
	hurry    context.CancelFunc
	done     chan struct{} // closed when nothing of the task is left
}

func newEntry(r Record, spec Spec) *entry {
	e := &entry{Record: r, spec: spec, saving: new(sync.Mutex), done: make(chan struct{})}
	e.stopping, e.stop = context.WithCancel(context.Background())
	e.killing, e.hurry = context.WithCancel(context.Background())
	return e
}

// remember makes an entry of a record of an earlier ledger.
func remember(r Record) *entry {
	e := newEntry(r, Spec{RunnerID: r.Task.StartedBy})
	if r.Task.DesiredStatus == fleet.TaskStopped {
		e.stop()
	}
	if r.StopTold {
		e.lives = true // as much as it ever will
		e.end()
	}
	return e
}

// snapshot is a copy that does not change. Only containers are ever changed in place.
func (e *entry) snapshot() fleet.Task {
	s := e.Task
	s.Containers = slices.Clone(s.Containers)
	return s
}

// task is what the runner gets.
func (e *entry) task(log *os.File) Task {
	return Task{
		Spec: e.spec, ARN: e.Task.ARN, Started: e.Task.LastStatus == fleet.TaskRunning, Process: e.Process,
		Log: log, LogFrom: e.LogFrom, Stopping: e.stopping, Killing: e.killing,
	}
}

// wantStopped asks for a stop, and reports whether that is new.
func (e *entry) wantStopped(reason string) bool {
	if e.Task.DesiredStatus == fleet.TaskStopped {
		return false
	}
	e.Task.DesiredStatus = fleet.TaskStopped
	e.Task.StopCode, e.Task.StoppedReason = fleet.StopUserInitiated, reason
	e.Task.Version++
	e.stop()
	return true
}

// end says that nothing of the task is left, or that this ledger has left it.
func (e *entry) end() {
	e.stop()
	e.hurry()
	close(e.done)
}

// save writes the task's record as the task is now, unless its runner has a later task.
// It holds the lock of the record while it writes, and not the ledger's.
func (l *Ledger) save(e *entry) error {
	e.saving.Lock()
	defer e.saving.Unlock()
	l.mu.Lock()
	superseded := l.latest[e.spec.RunnerID] != e
	r := e.Record
	r.Task = e.snapshot()
	l.mu.Unlock()
	if superseded {
		return nil
	}
	content, err := json.Marshal(r)
	if err == nil {
		err = replaceFile(l.recordPath(e.spec.RunnerID), content)
	}
	if err != nil {
		return fmt.Errorf("record task %s: %w", r.Task.ARN, err)
	}
	return nil
}

// change applies one change of LastStatus, records it and notifies it. It fails if it
// could not record the change.
func (l *Ledger) change(e *entry, apply func(*Record)) error {
	l.mu.Lock()
	apply(&e.Record)
	s := e.snapshot()
	l.mu.Unlock()
	err := l.save(e)
	l.cfg.Notify(s)
	return err
}

func nothing(*Record) {}

// runs notes that the task runs, as that process if it has one.
func (l *Ledger) runs(e *entry, p Process) {
	l.warnIf(e, l.change(e, func(r *Record) {
		r.Process = p
		if r.Task.LastStatus == fleet.TaskPending {
			now := l.cfg.Now()
			r.Task.LastStatus, r.Task.StartedAt = fleet.TaskRunning, &now
			r.Task.Version++
		}
	}))
}

// stopped is the last change of a task.
func (l *Ledger) stopped(e *entry, end Ending) error {
	err := l.change(e, func(r *Record) {
		now, s := l.cfg.Now(), &r.Task
		s.LastStatus, s.StoppedAt = fleet.TaskStopped, &now
		s.Containers[0].ExitCode, s.Containers[0].Reason = end.ExitCode, end.Why
		if end.ExitCode == nil && end.Why == "" {
			s.Containers[0].Reason = end.Reason
		}
		if s.DesiredStatus != fleet.TaskStopped {
			s.DesiredStatus, s.StopCode, s.StoppedReason = fleet.TaskStopped, end.StopCode, end.Reason
		}
		s.Version++
	})
	l.told(e)
	return err
}

// told records that STOPPED was notified, so that it is not notified again.
func (l *Ledger) told(e *entry) {
	l.mu.Lock()
	e.StopTold = true
	l.mu.Unlock()
	l.warnIf(e, l.save(e))
}

func (l *Ledger) warnIf(e *entry, err error) {
	if err != nil {
		l.cfg.Log.Warn("a task's record or remains are behind", "runner_id", e.spec.RunnerID, "error", err.Error())
	}
}
