package operate_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// listed are the commands of the actions that are listed.
func (w *world) listed() (commands []fleet.Command) {
	for _, a := range w.Records.Actions() {
		if a.By != "ada" {
			w.t.Errorf("by %q: %+v", a.By, a)
		}
		commands = append(commands, a.Command)
	}
	return commands
}

func TestAPlanOfADrainCountsAndChangesNothing(t *testing.T) {
	w := full(t, 3, 2, 4)
	before := w.left()
	got, err := w.operator().PlanDrain(t.Context(), true)
	w.must(err)
	w.is("plan", got, operate.DrainPlan{
		FleetName: "fleet", StopsJobs: true, RunnersWith: []string{"fleet-1-1", "fleet-2-1", "fleet-3-1"}, RunnersWithout: []string{"fleet-4-1", "fleet-5-1", "fleet-6-1"},
		Waiting: 4, Builds: got.Builds, Executions: 6, Tasks: 5, Registrations: 6, Definitions: 12, Problems: []operate.Problem{},
	})
	if len(got.Builds) != 1 {
		t.Errorf("builds %v", got.Builds)
	}
	w.is("left", w.left(), before)
	w.is("actions", w.listed(), []fleet.Command(nil))
	capacity, err := w.Records.Capacity(t.Context())
	if err != nil || capacity.Paused != "" {
		t.Errorf("%+v, %v", capacity, err)
	}
}

// A drain is one event, and stands on the records of the runners and jobs that it ends.
func TestADrainIsListedOnceAndStandsOnItsRunners(t *testing.T) {
	w := full(t, 2, 1, 1)
	_, err := w.operator().Drain(t.Context(), true, fleet.Operator{By: "ada", Reason: "another account"}, w.progress)
	w.must(err)
	w.is("actions", w.listed(), []fleet.Command{fleet.CommandDrainNow})
	stopped, ok := w.Run("job-1").StoppedBy()
	if !ok || stopped.Command != fleet.CommandDrainNow || stopped.Reason != "another account" || stopped.ID != w.Records.Actions()[0].ID {
		t.Errorf("the run that was stopped: %+v", w.Run("job-1").Actions)
	}
	idle, ok := w.Runner("fleet-3-1").EndedBy()
	if !ok || idle.Command != fleet.CommandDrain || idle.By != "ada" {
		t.Errorf("the idle runner: %+v", w.Runner("fleet-3-1").Actions)
	}
	capacity, err := w.Records.Capacity(t.Context())
	if err != nil || capacity.Paused != "drained: another account" || capacity.PausedBy != "ada" {
		t.Errorf("%+v, %v", capacity, err)
	}
}

// Nothing that is written with an image's record can be in one transaction with the list: the
// action comes first, so that a process that dies leaves its intent.
func TestWhatIsDoneToImagesIsListedFirst(t *testing.T) {
	w := newWorld(t)
	o := w.imageOperator(&shelf{})
	w.Images.Have(node, "sha256:1")
	if _, err := o.BuildImage(t.Context(), node, fleet.Operator{By: "ada", Reason: "a fix"}); err != nil {
		t.Fatal(err)
	}
	record, _, err := w.Images.Image(t.Context(), node.Tag())
	if err != nil || record.Rebuild != "ada asked for it with `ecsrunner images build` (a fix)" {
		t.Errorf("%q, %v", record.Rebuild, err)
	}
	_, err = o.RefreshImages(t.Context(), true, ada)
	w.must(err)
	_, err = o.RemoveImage(t.Context(), node.Tag(), ada)
	w.must(err)
	_, err = o.RemoveImage(t.Context(), node.Tag(), ada)
	if err == nil {
		t.Error("an image that is gone was removed")
	}
	w.is("actions", w.listed(), []fleet.Command{fleet.CommandBuildImage, fleet.CommandRefreshAllImages, fleet.CommandRemoveImage})
	if a := w.Records.Actions()[0]; a.Image != node.String() || a.Reason != "a fix" {
		t.Errorf("%+v", a)
	}
}
