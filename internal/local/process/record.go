package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// recordSchema counts the forms that records have had. 1 could not be taken over.
const recordSchema = 2

// record is what tasks/<runner id>.json says about the runner's last task: with
// the start time, which tells the process from a later one of the same id, a
// fleet that was killed finds it again. It is written before the task's process
// is started, then without a process; and before each change is notified. It
// lies outside the work directory, where a job would write.
type record struct {
	Schema      int        `json:"schema"`
	ClientToken string     `json:"client_token"`
	Parameters  string     `json:"parameters"` // see Spec.parameters
	PID         int        `json:"pid,omitempty"`
	StartTime   string     `json:"start_time,omitempty"`
	StopTold    bool       `json:"stop_told,omitempty"` // Notify has returned from STOPPED
	Task        fleet.Task `json:"task"`
}

// record is called under the launcher's mutex.
func (t *task) record() record {
	return record{
		Schema: recordSchema, ClientToken: t.spec.ClientToken, Parameters: t.parameters,
		PID: t.leader.pid, StartTime: t.leader.start, StopTold: t.stopTold, Task: t.state,
	}
}

// save writes the task's record as the task is now, unless its runner has
// another task by now. A crash leaves the record before or this one. What a
// power failure undoes does no harm: then no process is left either.
func (l *Launcher) save(t *task) error {
	t.saving.Lock()
	defer t.saving.Unlock()
	l.mu.Lock()
	superseded := l.latest[t.spec.RunnerID] != t
	content, err := json.Marshal(t.record())
	l.mu.Unlock()
	if superseded {
		return nil
	}
	if err == nil {
		err = replaceFile(l.recordPath(t.spec.RunnerID), content)
	}
	if err != nil {
		return fmt.Errorf("record task %s: %w", t.arn, err)
	}
	return nil
}

// unfinished is the suffix of a file that is not yet in its place.
const unfinished = ".new"

func replaceFile(path string, content []byte) (err error) {
	aside := path + unfinished
	file, err := os.OpenFile(aside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(aside)
		return err
	}
	return os.Rename(aside, path)
}

// readRecord reads a record and checks all that is relied on.
func readRecord(path, runnerID string) (record, error) {
	var r record
	content, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, err
	}
	task := r.Task
	switch {
	case r.Schema != recordSchema:
		return r, fmt.Errorf("its schema is %d, not %d", r.Schema, recordSchema)
	case task.StartedBy != runnerID || !strings.HasPrefix(task.ARN, arnPrefix(runnerID)):
		return r, fmt.Errorf("it is about task %q of %q", task.ARN, task.StartedBy)
	case r.PID < 0 || r.PID == 1: // to kill(2), these are many processes, or init
		return r, fmt.Errorf("%d is no process of a task", r.PID)
	case task.CreatedAt == nil || len(task.Containers) != 1:
		return r, errors.New("it lacks the task's creation or container")
	}
	switch task.LastStatus {
	case fleet.TaskPending, fleet.TaskRunning:
		return r, nil
	case fleet.TaskStopped:
		if task.StoppedAt != nil {
			return r, nil
		}
	}
	return r, fmt.Errorf("the task is %q since %v", task.LastStatus, task.StoppedAt)
}

// outdated is whether a task stopped so long ago that it is not remembered.
func outdated(task fleet.Task, now time.Time) bool {
	return task.LastStatus == fleet.TaskStopped && task.StoppedAt.Before(now.Add(-remembered))
}
