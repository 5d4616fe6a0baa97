package inspectrunner_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestAWarmRunnerThatHangsAfterAnUnknownJobIsEnded(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	reg := w.GitHub.Runner(fleet.RunnerName(id, 1))
	reg.Working = true
	if err := w.Fleet().EndIdle(t.Context(), id, "it is replaced after 6h"); err != nil { // 422: open again, RUNNING
		t.Fatal(err)
	}
	reg.Working, reg.Online = false, false
	for range 8 {
		w.Pass(6 * time.Hour)
		if _, err := run(t, w, id); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.Runner(id); !w.Tasks.Asked(r.TaskARN) {
		t.Errorf("after two days its task goes on: %s, %s", r.Phase, r.Status)
	}
}

func TestAWarmRunnerThatIsBusyIsNotExpected(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	w.GitHub.Runner(fleet.RunnerName(id, 1)).Working, w.GitHub.Runner(fleet.RunnerName(id, 1)).Busy = true, true
	got, err := run(t, w, id)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.Launch(w.Job(7)); r == id {
		t.Errorf("inspected as %+v, and job 7 expects it", got)
	}
}
