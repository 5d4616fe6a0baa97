package validate_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/resolveimage"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// looking is the step where it looks whether image and task definition are there.
func looking(w *world) validate.Step {
	return validate.Step{
		Fleet: w.Fleet(), Policy: w.Policy(), Budgets: w.GitHub,
		Images: resolveimage.Step{Images: w.Images, Now: w.Now}, Definitions: w.Definitions,
	}
}

func look(t *testing.T, w *world, id string, job fleet.Job) (fleet.Plan, error) {
	t.Helper()
	return looking(w).Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Job: job}})
}

// theBase is the image of jobs that name none.
func theBase(w *world) fleet.ImageSpec { return w.Policy().Admit(w.Job(1)).Image }

const theDigest = "sha256:base"

// have makes image and task definition, and returns the definition's ARN.
func have(t *testing.T, w *world) (arn string) {
	t.Helper()
	spec := theBase(w)
	w.Images.Have(spec, theDigest)
	arn, err := w.Definitions.Register(t.Context(), fleet.TaskDefinition{FleetName: lifecycletest.Name, Image: theDigest, Arch: spec.Arch})
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func TestWhatIsThereNeedsNoStateOfItsOwn(t *testing.T) {
	w := lifecycletest.New(t)
	arn := have(t, w)
	job := w.Job(7)
	id := w.Launch(job)
	plan, err := look(t, w, id, job)
	if err != nil || plan.Decision != fleet.Admitted || plan.Ready == nil {
		t.Fatalf("%+v, %v", plan, err)
	}
	want := &fleet.Ready{
		Image:          fleet.Image{Outcome: fleet.ImageReady, Tag: theBase(w).Tag(), Digest: theDigest},
		TaskDefinition: fleet.TaskDefinitionPart{ARN: arn},
	}
	if diff := cmp.Diff(want, plan.Ready); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	// The sweep keeps what the runner refers to, and ecsrunner cost needs the size.
	r := w.Runner(id)
	if r.TaskDefinition != arn || r.Digest != theDigest || r.Size == nil || *r.Size != *plan.Size || !r.At(fleet.StageImageReady).Equal(w.Now()) {
		t.Errorf("recorded: %+v", r)
	}
}

func TestWhatIsNotThereIsLeftToItsState(t *testing.T) {
	for name, before := range map[string]func(*world, *resolveimage.Step){
		"there is neither":                    func(*world, *resolveimage.Step) {},
		"there is no task definition":         func(w *world, _ *resolveimage.Step) { w.Images.Have(theBase(w), theDigest) },
		"the task definition is deregistered": func(w *world, _ *resolveimage.Step) { w.Definitions.Retire(have(t, w), w.Now()) },
		"the image was deleted":               func(w *world, r *resolveimage.Step) { have(t, w); r.Registry = emptied{} },
		"ECS does not say":                    func(w *world, _ *resolveimage.Step) { have(t, w); w.Definitions.Fails = errors.New("throttled") },
		"a build of it has failed just now": func(w *world, _ *resolveimage.Step) {
			w.Images.Edit(theBase(w).Tag(), func(r *fleet.ImageRecord) { r.Failure = &fleet.BuildFailure{At: w.Now(), Reason: "exit 1"} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			step, resolve := looking(w), resolveimage.Step{Images: w.Images, Now: w.Now}
			before(w, &resolve)
			step.Images = resolve
			job := w.Job(7)
			id := w.Launch(job)
			plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{Job: job}})
			if err != nil || plan.Decision != fleet.Admitted || plan.Ready != nil {
				t.Errorf("%+v, %v", plan, err)
			}
			if r := w.Runner(id); r.TaskDefinition != "" || !r.At(fleet.StageImageReady).IsZero() {
				t.Errorf("recorded: %+v", r)
			}
		})
	}
}

// emptied is a registry whose images were deleted.
type emptied struct{}

func (emptied) Published(context.Context, string) (string, bool, error) { return "", false, nil }

func (emptied) Has(context.Context, string) (bool, error) { return false, nil }

// silent is a registry that gives no answer.
type silent struct{}

func (silent) Resolve(ctx context.Context, _ fleet.ImageSpec) (fleet.Image, error) {
	<-ctx.Done()
	return fleet.Image{}, ctx.Err()
}

func TestItDoesNotWaitForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lifecycletest.New(t)
		have(t, w)
		job := w.Job(7)
		id := w.Launch(job)
		step := looking(w)
		step.Images, step.LookFor = silent{}, validate.LookFor
		plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{Job: job}})
		if err != nil || plan.Decision != fleet.Admitted || plan.Ready != nil {
			t.Errorf("%+v, %v", plan, err)
		}
	})
}

// For a job that gets no runner nothing is looked up before policy has decided, and nothing
// is started.
func TestARefusedJobsImageIsNotLookedUp(t *testing.T) {
	w := lifecycletest.New(t)
	have(t, w)
	job := w.Job(7, "self-hosted", "class:huge")
	plan, err := look(t, w, w.Launch(job), job)
	if err != nil || plan.Decision != fleet.Refused || plan.Ready != nil {
		t.Errorf("%+v, %v", plan, err)
	}
}

func TestAnUnwantedJobStartsNothing(t *testing.T) {
	w := lifecycletest.New(t)
	have(t, w)
	job := w.Job(7)
	id := w.Launch(job)
	w.GitHub.Set(lifecycletest.Completed(job, "cancelled"))
	plan, err := look(t, w, id, job)
	if err != nil || plan.Decision != fleet.NotWanted || plan.Ready != nil {
		t.Errorf("%+v, %v", plan, err)
	}
}

// Whether the claim must show its task is recorded before the task is there.
func TestAClaimMustShowItsTask(t *testing.T) {
	w := lifecycletest.New(t)
	have(t, w)
	w.Images.Edit(theBase(w).Tag(), func(r *fleet.ImageRecord) { r.Identity = true })
	job := w.Job(7)
	id := w.Launch(job)
	step := looking(w)
	step.Fleet.TasksSign = true
	if _, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{Job: job}}); err != nil || !w.Runner(id).Identity {
		t.Errorf("recorded %t: %v", w.Runner(id).Identity, err)
	}
}

// An attempt that Step Functions has given up may answer when the task is up. The task has what
// it was started with.
func TestALateLookChangesNothingOfATaskThatIsUp(t *testing.T) {
	for name, warm := range map[string]bool{"of a job": false, "of a pool": true} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			have(t, w)
			var id string
			call := fleet.Call{State: "Validate"}
			if warm {
				id = w.Warm(1)[0]
				call.Document = w.Runner(id).Input()
			} else {
				job := w.Job(7)
				id = w.Launch(job)
				call.Document.Job = job
			}
			call.RunnerID = id
			w.EditRunner(id, func(r *fleet.Runner) { r.TaskARN, r.TaskDefinition, r.Digest = "task", "definition", "sha256:before" })
			w.Images.Edit(theBase(w).Tag(), func(r *fleet.ImageRecord) { r.Identity = true })
			step := looking(w)
			step.Fleet.TasksSign = true
			if _, err := step.Run(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			if r := w.Runner(id); r.Identity || r.TaskDefinition != "definition" || r.Digest != "sha256:before" {
				t.Errorf("its claim must be signed: %t; recorded %q, %q", r.Identity, r.TaskDefinition, r.Digest)
			}
		})
	}
}

// Validate and ResolveImage both note that an image is used: the sweep deletes images that no
// job wants.
func TestTheImagesUseIsNoted(t *testing.T) {
	w := lifecycletest.New(t)
	have(t, w)
	w.Pass(48 * time.Hour)
	job := w.Job(7)
	if _, err := look(t, w, w.Launch(job), job); err != nil {
		t.Fatal(err)
	}
	if record, _, err := w.Images.Image(t.Context(), theBase(w).Tag()); err != nil || !record.UsedAt.Equal(w.Now()) {
		t.Errorf("used at %s: %v", record.UsedAt, err)
	}
}

// Both questions may be asked at the same time, and then both answers count.
func TestBothAreAskedTogether(t *testing.T) {
	w := lifecycletest.New(t)
	have(t, w)
	job := w.Job(7)
	id := w.Launch(job)
	step := looking(w)
	step.Together = func(calls ...func()) {
		for _, call := range slices.Backward(calls) {
			call()
		}
	}
	plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, Document: fleet.Document{Job: job}})
	if err != nil || plan.Ready == nil || len(w.GitHub.Calls) == 0 {
		t.Errorf("%+v, %v, GitHub was asked %q", plan, err, w.GitHub.Calls)
	}
}

func TestKilledWhileItLooks(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *world {
			w := lifecycletest.New(t)
			have(t, w)
			w.Launch(w.Job(7))
			return w
		},
		func(w *world) error { _, err := look(t, w, "fleet-7-1", w.Run("job-7").Job); return err }, nil)
}
