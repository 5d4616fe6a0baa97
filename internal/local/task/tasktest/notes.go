package tasktest

import (
	"context"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Notes are what a ledger has notified, in its order.
type Notes chan fleet.Task

// Await drops notes up to one of the status.
func (n Notes) Await(t testing.TB, status string) fleet.Task {
	t.Helper()
	for task := range n {
		if task.LastStatus == status {
			return task
		}
		if task.LastStatus == fleet.TaskStopped {
			t.Fatalf("no %s before the task stopped as %+v", status, task)
		}
	}
	return fleet.Task{}
}

// OpenFor opens a ledger for a test. At the test's end it is closed, and tasks that
// still run are killed.
func OpenFor(t testing.TB, cfg task.Config) *task.Ledger {
	t.Helper()
	opened, err := task.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = opened.Close(ctx)
	})
	return opened
}
