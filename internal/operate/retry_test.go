package operate_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

func TestRetry(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.Fleet().Finish(t.Context(), w.Launch(w.Job(7)), nil, fleet.ImageBuildFailed, "no such tag"); err != nil {
		t.Fatal(err)
	}
	got, err := w.operator().Retry(t.Context(), "job-7", ada)
	w.must(err)
	w.is("retried", got, operate.RetryResult{RunID: "job-7", Retry: true, Status: fleet.RunRetrying, Reason: "Image.BuildFailed: no such tag"})
	w.dispatch(fleet.FleetResumedEvent, fleet.Resumed{RunID: "job-7"})
	if id := w.Run("job-7").RunnerID; id != "fleet-7-2" {
		t.Errorf("the run expects %q", id)
	}
}

func TestNothingToRetry(t *testing.T) {
	for want, setup := range map[string]func(w *world){
		"the policy refused it":  func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", status(fleet.RunRefused)) },
		"nothing is left to try": func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", status(fleet.RunCompleted)) },
		"it waits for room":      func(w *world) { w.MaxRunners = 0; w.Launch(w.Job(7)) },
		"GitHub waits for the approval": func(w *world) {
			w.Launch(w.Job(7))
			w.EditRun("job-7", status(fleet.RunWaiting))
		},
		"its job runs on fleet-7-1":          func(w *world) { w.Busy(w.Job(7)) },
		"it has a runner already: fleet-7-1": func(w *world) { w.Launch(w.Job(7)) },
		"it is launched within a minute":     func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", func(r *fleet.Run) { r.RunnerID = "" }) },
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			setup(w)
			got, err := w.operator().Retry(t.Context(), "job-7", ada)
			if w.must(err); got.Retry || !strings.HasPrefix(got.Message, want) || len(w.Bus.Events) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	if _, err := newWorld(t).operator().Retry(t.Context(), "job-9", ada); err == nil || !strings.Contains(err.Error(), "there is no run job-9; `ecsrunner runs list`") {
		t.Errorf("%v", err)
	}
}

func status(s fleet.RunStatus) func(*fleet.Run) { return func(r *fleet.Run) { r.Status = s } }

func TestRetryKilledEverywhere(t *testing.T) {
	worlds := map[*lifecycletest.World]*world{}
	setup := func(t *testing.T) *lifecycletest.World {
		w := newWorld(t)
		if _, _, err := w.Fleet().Finish(t.Context(), w.Launch(w.Job(7)), nil, fleet.ImageBuildFailed, "no such tag"); err != nil {
			t.Fatal(err)
		}
		worlds[w.World] = w
		return w.World
	}
	settle := func(inner *lifecycletest.World) { // the event, or else the sweep
		hold := inner.Records.Hold("build/" + inner.Run("job-7").ImageTag)
		worlds[inner].must(inner.Fleet().CheckHold(t.Context(), hold))
		inner.Bus.Events = nil
	}
	lifecycletest.KillEverywhere(t, setup, func(inner *lifecycletest.World) error {
		return second(worlds[inner].operator().Retry(t.Context(), "job-7", ada))
	}, settle)
}
