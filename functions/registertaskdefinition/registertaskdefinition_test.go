package registertaskdefinition_test

import (
	"errors"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func run(t *testing.T, w *world, id, digest string) (fleet.TaskDefinitionPart, error) {
	step := registertaskdefinition.Step{Fleet: w.Fleet(), Definitions: w.Definitions}
	return step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{
		Plan:  &fleet.Plan{ImageSpec: &fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.ARM64}},
		Image: &fleet.Image{Outcome: fleet.ImageReady, Digest: digest},
	}})
}

func TestOneDefinitionPerContent(t *testing.T) {
	w := lifecycletest.New(t)
	first, second, third := w.Launch(w.Job(1)), w.Launch(w.Job(2)), w.Launch(w.Job(3))
	a, err1 := run(t, w, first, "sha256:1")
	b, err2 := run(t, w, second, "sha256:1")
	c, err3 := run(t, w, third, "sha256:2")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if a != b || a == c || a.ARN == "" || w.Definitions.Count() != 2 {
		t.Errorf("definitions %q, %q and %q", a, b, c)
	}
	if noted := w.Runner(third).TaskDefinition; noted != c.ARN {
		t.Errorf("the runner refers to %q", noted)
	}
}

// The sweep deregistered the definition before the task was started from it.
func TestRegisteredAgain(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	w.EditRunner(id, func(r *fleet.Runner) { r.TaskDefinition = "definition/gone:1" })
	part, err := run(t, w, id, "sha256:1")
	if err != nil || w.Runner(id).TaskDefinition != part.ARN {
		t.Errorf("the runner refers to %q: %v", w.Runner(id).TaskDefinition, err)
	}
}

// RunTask found that what Validate had found is gone.
func TestRegisteredAfterValidateFoundIt(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	step := registertaskdefinition.Step{Fleet: w.Fleet(), Definitions: w.Definitions}
	part, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{Plan: &fleet.Plan{
		ImageSpec: &fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.ARM64},
		Ready:     &fleet.Ready{Image: fleet.Image{Outcome: fleet.ImageReady, Digest: "sha256:1"}, TaskDefinition: fleet.TaskDefinitionPart{ARN: "definition/gone:1"}},
	}}})
	if err != nil || part.ARN == "definition/gone:1" || w.Runner(id).TaskDefinition != part.ARN || w.Runner(id).Digest != "sha256:1" {
		t.Errorf("the runner refers to %q: %v", w.Runner(id).TaskDefinition, err)
	}
}

func TestWhichClaimsMustShowTheirTask(t *testing.T) {
	for name, c := range map[string]struct{ platform, image, want bool }{
		"an image whose entrypoint can":       {true, true, true},
		"an image whose entrypoint cannot":    {true, false, false},
		"a platform that knows no identities": {false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id, f := w.Launch(w.Job(1)), w.Fleet()
			f.TasksSign = c.platform
			step := registertaskdefinition.Step{Fleet: f, Definitions: w.Definitions}
			if _, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{
				Plan:  &fleet.Plan{ImageSpec: &fleet.ImageSpec{Kind: fleet.BaseImage, Name: "v1", Arch: fleet.ARM64}},
				Image: &fleet.Image{Outcome: fleet.ImageReady, Digest: "sha256:1", Identity: c.image},
			}}); err != nil || w.Runner(id).Identity != c.want {
				t.Errorf("recorded %t: %v", w.Runner(id).Identity, err)
			}
		})
	}
}

func TestAfterTheBuild(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	if _, err := w.Fleet().StoreToken(t.Context(), id, w.Executions.Token(id), fleet.WaitForImage, fleet.RunnerImageCreating); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, w, id, "sha256:1"); err != nil {
		t.Fatal(err)
	}
	r := w.Runner(id)
	if r.TaskToken != "" || r.WaitingFor != "" || r.Status != fleet.RunnerStarting || r.At(fleet.StageImageReady).IsZero() {
		t.Errorf("the runner is %s and waits for %q", r.Status, r.WaitingFor)
	}
	if run := w.Run("job-1"); run.Status != fleet.RunStarting {
		t.Errorf("the run is %s", run.Status)
	}
}

func TestARunnerLetGoKeepsItsRecord(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(1))
	w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closing })
	if part, err := run(t, w, id, "sha256:1"); err != nil || part.ARN == "" {
		t.Errorf("%v, %v", part, err)
	}
	if !w.Runner(id).At(fleet.StageImageReady).IsZero() {
		t.Error("the record changed")
	}
}

func TestThePlatformRefuses(t *testing.T) {
	w := lifecycletest.New(t)
	w.Definitions.Fails = errors.New("throttled")
	if _, err := run(t, w, w.Launch(w.Job(1)), "sha256:1"); !errors.Is(err, w.Definitions.Fails) {
		t.Errorf("%v", err)
	}
}

func TestKilled(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *world { w := lifecycletest.New(t); w.Launch(w.Job(1)); return w },
		func(w *world) error { _, err := run(t, w, "fleet-1-1", "sha256:1"); return err }, nil)
}
