package validate_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestPlanOfAWarmRunner(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*world, string)
		want   fleet.Verdict
	}{
		"its pool wants it": {func(*world, string) {}, fleet.Admitted},
		"a rule refuses the jobs of nobody, and it has none": {func(w *world, _ string) { w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnavailable, "502") }, fleet.Admitted},
		"there is no such pool any more":                     {func(w *world, _ string) { w.Keeps = nil }, fleet.NotWanted},
		"its pool's runners are others now":                  {func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { r.Spec = "another" }) }, fleet.NotWanted},
		"it is ending":                                       {func(w *world, id string) { w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closing }) }, fleet.NotWanted},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Warm(1)[0]
			document := w.Runner(id).Input()
			c.before(w, id)
			step := validate.Step{Fleet: w.Fleet(), Policy: w.Policy(), Budgets: w.GitHub}
			plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: document})
			if err != nil || plan.Decision != c.want {
				t.Fatalf("%+v, %v", plan, err)
			}
			if plan.Decision != fleet.Admitted {
				return
			}
			if r := w.Runner(id); plan.ClassName != "small" || plan.Size.Warm != nil || r.ClassName != "small" || r.Image != "v1" || r.At(fleet.StageAdmitted).IsZero() {
				t.Errorf("plan %+v, runner %+v", plan, r)
			}
		})
	}
}

// People edit the class sizes in a parameter, behind the check of the configuration.
func TestAWarmRunnerThatTheFleetMustNotHave(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	step := validate.Step{Fleet: w.Fleet(), Policy: w.Policy(), Budgets: w.GitHub}
	step.Policy.EnforcePolicy = false
	plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: w.Runner(id).Input()})
	if err != nil || plan.Decision != fleet.NotWanted {
		t.Errorf("%+v, %v", plan, err)
	}
}

// Idle runners of an organization need a group without public repositories, as GitHub says.
func TestAWarmRunnerOfAnOrganization(t *testing.T) {
	for name, c := range map[string]struct {
		asked error
		want  fleet.Verdict
		err   string
	}{
		"its group has private repositories alone": {want: fleet.Admitted},
		"its group allows public repositories":     {asked: fleet.Errorf(fleet.RunnerLaunchFailed, "public"), err: fleet.RunnerLaunchFailed},
		"GitHub does not say":                      {asked: fleet.Errorf(fleet.GitHubUnavailable, "502"), err: fleet.GitHubUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Warm(1)[0]
			step := validate.Step{Fleet: w.Fleet(), Policy: w.Policy(), Budgets: w.GitHub, Access: own{err: c.asked}}
			step.Policy.Organization, step.Policy.RunnerGroup = "octo", "fleet"
			pools, err := step.Policy.Pools()
			if err != nil {
				t.Fatal(err)
			}
			w.EditRunner(id, func(r *fleet.Runner) { r.Pool, r.Spec = pools[0].Key, pools[0].Spec })
			plan, err := step.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: w.Runner(id).Input()})
			if plan.Decision != c.want || fleet.ErrorName(err) != c.err {
				t.Errorf("%+v, %v", plan, err)
			}
		})
	}
}

// The answer of an attempt was lost, which had not found the image: what the next one finds is
// what RunTask starts, so the record says so, and whether the claim must be signed.
func TestAWarmRunnerIsLookedAtAgain(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	w.EditRunner(id, func(r *fleet.Runner) { r.TaskARN = "" })
	call := fleet.Call{RunnerID: id, State: "Validate", Document: w.Runner(id).Input()}
	step := looking(w)
	step.Fleet.TasksSign = true
	if plan, err := step.Run(t.Context(), call); err != nil || plan.Ready != nil {
		t.Fatalf("%+v, %v", plan, err)
	}
	arn := have(t, w)
	w.Images.Edit(theBase(w).Tag(), func(r *fleet.ImageRecord) { r.Identity = true })
	plan, err := step.Run(t.Context(), call)
	if err != nil || plan.Ready == nil {
		t.Fatalf("%+v, %v", plan, err)
	}
	if r := w.Runner(id); r.TaskDefinition != arn || r.Digest != theDigest || r.Size == nil || !r.Identity {
		t.Errorf("the plan has %+v, and the record %q, %q, %+v, %t", plan.Ready, r.TaskDefinition, r.Digest, r.Size, r.Identity)
	}
}
