package process

import (
	"encoding/json"
	"fmt"
	"os"
)

// record is what tasks/<runner id>.json says about a task while its process
// lives: with the process's start time, which tells it from a later process of
// the same id, a fleet that has crashed can find the process again. It lies
// outside the work directory, where a job would write.
type record struct {
	Schema      int    `json:"schema"`
	TaskARN     string `json:"task_arn"`
	RunnerID    string `json:"runner_id"`
	ClientToken string `json:"client_token"`
	PID         int    `json:"pid"`
	StartTime   string `json:"start_time"`
}

func writeRecord(path string, t *task, pid int) error {
	started, err := startTime(pid)
	if err != nil {
		return fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	content, err := json.Marshal(record{
		Schema: 1, TaskARN: t.arn, RunnerID: t.spec.RunnerID, ClientToken: t.spec.ClientToken,
		PID: pid, StartTime: started,
	})
	if err != nil {
		return err
	}
	// Written aside and renamed: a crash leaves all of it or nothing.
	aside := path + ".new"
	if err := os.WriteFile(aside, content, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, path)
}
