package validate_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/validate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// pushes is a policy in which the jobs of pushes have one runner at once. What started a
// workflow only GitHub says.
func pushes(w *world) (fleet.Policy, lifecycle.Fleet) {
	policy := w.Policy()
	policy.Rules = []fleet.Rule{{Name: "pushes", Event: fleet.Patterns{"push"}, Allow: true, MaxRunners: 1}}
	f := w.Fleet()
	f.MaxOfRules, f.RuleOf = policy.MaxOfRules(), policy.RuleOf
	return policy, f
}

func validated(t *testing.T, w *world, id string, job fleet.Job) fleet.Plan {
	t.Helper()
	policy, f := pushes(w)
	plan, err := validate.Step{Fleet: f, Policy: policy, Budgets: w.GitHub}.Run(t.Context(), fleet.Call{RunnerID: id, State: "Validate", Document: fleet.Document{Job: job}})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// A runner whose rule is known once GitHub has answered counts for it from then on. If the
// rule is full, the job waits without a task, and its next runner is counted at its launch.
func TestTheRuleIsKnownOnceGitHubHasAnswered(t *testing.T) {
	w := lifecycletest.New(t)
	w.GitHub.Origin = fleet.Origin{Event: new("push")}
	_, f := pushes(w)
	one, two := w.Job(1), w.Job(2)
	for _, job := range []fleet.Job{one, two} {
		if err := f.Queued(t.Context(), job, fleet.Wants{}, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // repeated, it is the same runner
		if plan := validated(t, w, "fleet-1-1", one); plan.Decision != fleet.Admitted {
			t.Fatalf("the first: %+v", plan)
		}
	}
	plan := validated(t, w, "fleet-2-1", two)
	if plan.Decision != fleet.NotWanted || plan.Reason != "waits for room: rule pushes has its 1 runner" {
		t.Fatalf("the second: %+v", plan)
	}
	if _, _, err := f.Finish(t.Context(), "fleet-2-1", &plan, "", ""); err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-2"); run.RunnerID != "" || run.Reason != plan.Reason {
		t.Errorf("it has %q: %s", run.RunnerID, run.Reason)
	}
	if err := f.Completed(t.Context(), lifecycletest.Completed(one, "success")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Finish(t.Context(), "fleet-1-1", nil, "", ""); err != nil {
		t.Fatal(err)
	}
	capacity, err := w.Records.Capacity(t.Context())
	if err != nil || w.Run("job-2").RunnerID != "fleet-2-2" || capacity.OpenOfRule["pushes"] != 1 {
		t.Errorf("%v: it has %q, and counted are %v", err, w.Run("job-2").RunnerID, capacity.OpenOfRule)
	}
	if plan := validated(t, w, "fleet-2-2", two); plan.Decision != fleet.Admitted {
		t.Errorf("in its place: %+v", plan)
	}
}

// The step may die at any line and be called again: one runner is counted once.
func TestKilledWhileARunnerIsCounted(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *world {
			w := lifecycletest.New(t)
			w.GitHub.Origin = fleet.Origin{Event: new("push")}
			w.Launch(w.Job(1))
			return w
		},
		func(w *world) error {
			policy, f := pushes(w)
			_, err := validate.Step{Fleet: f, Policy: policy, Budgets: w.GitHub}.Run(t.Context(), fleet.Call{RunnerID: "fleet-1-1", Document: fleet.Document{Job: w.Run("job-1").Job}})
			return err
		},
		func(w *world) {
			if capacity, err := w.Records.Capacity(t.Context()); err != nil || capacity.OpenOfRule["pushes"] != 1 {
				t.Errorf("%v: counted are %v", err, capacity.OpenOfRule)
			}
		})
}
