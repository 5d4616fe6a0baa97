package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const recordSchema = 1

// record is what containers/<runner id>.json says about the runner's last task. It is
// written before the task's container is made, and before each change is notified.
type record struct {
	Schema      int        `json:"schema"`
	ClientToken string     `json:"client_token"`
	Parameters  string     `json:"parameters"` // see Spec.parameters
	LogFrom     int64      `json:"log_from"`   // where its part of the runner's log begins
	Task        fleet.Task `json:"task"`
}

func (l *Launcher) recordPath(runnerID string) string {
	return filepath.Join(l.cfg.Dir, tasksDir, runnerID+".json")
}

// save writes the task's record as the task is now, unless its runner has another task by
// now.
func (l *Launcher) save(t *task) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest[t.state.StartedBy] != t {
		return nil
	}
	t.Task = t.state
	content, err := json.Marshal(t.record)
	if err == nil {
		err = replaceFile(l.recordPath(t.state.StartedBy), content)
	}
	if err != nil {
		return fmt.Errorf("record task %s: %w", t.state.ARN, err)
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

// recall reads the records of an earlier launcher. One that cannot be read is left out:
// its container is a leftover.
func (l *Launcher) recall() error {
	files, err := os.ReadDir(filepath.Join(l.cfg.Dir, tasksDir))
	if err != nil {
		return fmt.Errorf("read the records of tasks: %w", err)
	}
	for _, file := range files {
		runnerID, ok := strings.CutSuffix(file.Name(), ".json")
		path := filepath.Join(l.cfg.Dir, tasksDir, file.Name())
		r, err := readRecord(path, runnerID)
		if !ok || err != nil || outdated(r.Task, l.cfg.Now()) {
			if ok && err != nil {
				l.cfg.Log.Warn("a record of a task cannot be used", "file", file.Name(), "error", err.Error())
			}
			_ = os.Remove(path) // else the next launcher meets it again
			continue
		}
		t := newTask(r)
		t.lives = false
		if r.Task.LastStatus == fleet.TaskStopped {
			close(t.done)
		}
		if r.Task.DesiredStatus == fleet.TaskStopped {
			t.stop()
		}
		l.know(t)
	}
	return nil
}

func readRecord(path, runnerID string) (record, error) {
	var r record
	content, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, err
	}
	switch task := r.Task; {
	case r.Schema != recordSchema:
		return r, fmt.Errorf("its schema is %d, not %d", r.Schema, recordSchema)
	case task.StartedBy != runnerID || !strings.HasPrefix(task.ARN, "local:task/"+runnerID+"/"):
		return r, fmt.Errorf("it is about task %q of %q", task.ARN, task.StartedBy)
	case task.CreatedAt == nil || len(task.Containers) != 1:
		return r, errors.New("it lacks the task's creation or container")
	case task.LastStatus == fleet.TaskStopped && task.StoppedAt == nil:
		return r, errors.New("the task has stopped at no time")
	case task.LastStatus != fleet.TaskPending && task.LastStatus != fleet.TaskRunning && task.LastStatus != fleet.TaskStopped:
		return r, fmt.Errorf("the task is %q", task.LastStatus)
	}
	return r, nil
}
