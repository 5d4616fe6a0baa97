package sweep_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// RunTask may have died before it recorded the task that it started. The task still
// belongs to the runner: its next event brings it into the record.
func TestATaskThatIsNotRecordedYet(t *testing.T) {
	w := lifecycletest.New(t)
	w.Tasks.Add("task", w.Launch(w.Job(7)))
	w.Pass(grace + time.Second)
	mustSweep(t, w)
	if w.Tasks.Asked("task") {
		t.Error("the task of an open runner is stopped")
	}
}
