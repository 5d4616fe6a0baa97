package task

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Kind is one kind of task, by the folder that has its records. Both kinds keep the form
// that the previous release reads and writes, so that each release takes over the tasks of
// the other.
type Kind string

const (
	Processes  Kind = "tasks"
	Containers Kind = "containers"
)

// schema counts the forms that records have had.
func (k Kind) schema() int {
	if k == Processes {
		return 2 // 1 could not be taken over
	}
	return 1
}

// parameters identifies what is launched without showing it: the environment holds a
// credential.
func (k Kind) parameters(s Spec) string {
	var content any = s
	if k == Processes { // whose sizes have always been text
		content = struct {
			RunnerID, ClientToken string
			Env                   map[string]string
			Image, CPU, Memory    string
		}{s.RunnerID, s.ClientToken, s.Env, s.Image, strconv.Itoa(s.CPU), strconv.Itoa(s.Memory)}
	}
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// Record is what <folder>/<runner id>.json says about the runner's last task. It is
// written before the task is started, and before each change is notified. It lies outside
// the work directory, where a job would write.
type Record struct {
	Schema      int    `json:"schema"`
	ClientToken string `json:"client_token"`
	Parameters  string `json:"parameters"` // see Kind.parameters
	Process
	LogFrom  int64      `json:"log_from,omitempty"`  // where the task's part of the runner's log begins
	StopTold bool       `json:"stop_told,omitempty"` // Notify has returned from STOPPED
	Task     fleet.Task `json:"task"`
}

// pending is the record of a task that is not started yet.
func (k Kind) pending(m Mark, now time.Time) Record {
	return Record{Schema: k.schema(), Task: fleet.Task{
		ARN:           m.ARN,
		StartedBy:     m.RunnerID,
		LastStatus:    fleet.TaskPending,
		DesiredStatus: fleet.TaskRunning,
		Containers:    []fleet.Container{{Name: fleet.RunnerContainer}},
		CreatedAt:     &now,
		Version:       1,
	}}
}

// unfinished is the suffix of a file that is not yet in its place.
const unfinished = ".new"

// replaceFile leaves after a crash the file before or this one. What a power failure
// undoes does no harm: then no task is left either.
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

// read reads a record and checks all that is relied on.
func (k Kind) read(path, runnerID string) (Record, error) {
	var r Record
	content, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, err
	}
	task := r.Task
	switch {
	case r.Schema != k.schema():
		return r, fmt.Errorf("its schema is %d, not %d", r.Schema, k.schema())
	case task.StartedBy != runnerID || !r.mark().Valid():
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

func (r *Record) mark() Mark { return Mark{ARN: r.Task.ARN, RunnerID: r.Task.StartedBy} }

func (r *Record) stopped() bool { return r.Task.LastStatus == fleet.TaskStopped }

// outdated reports whether a task stopped so long ago that it is not remembered.
func (r *Record) outdated(now time.Time) bool {
	return r.stopped() && r.Task.StoppedAt.Before(now.Add(-remembered))
}
