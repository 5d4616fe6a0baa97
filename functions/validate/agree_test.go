package validate_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/decisiontest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// TestTheTable holds the step to the table that Policy.Admit and explain are held to. What a
// case knows of the origin GitHub's answer has, and the job that comes from the webhook has
// not. A job that is not ours is refused here: its webhook was taken by a policy that has
// changed.
func TestTheTable(t *testing.T) {
	for _, c := range decisiontest.Cases(t) {
		t.Run(c.It, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7))
			job := c.Job(7)
			w.GitHub.Origin, job.Origin = job.Origin, fleet.Origin{}
			atFirst := c.Policy.Admit(job)
			plan, err := runWith(t, w, c.Policy, id, job)
			if c.Verdict == fleet.Undecided {
				if fleet.ErrorName(err) != fleet.GitHubUnavailable || !strings.Contains(err.Error(), c.Says) {
					t.Errorf("%+v, %v: decided without what decides it", plan, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := fleet.Refused
			if c.Verdict == fleet.Admitted {
				want = fleet.Admitted
			}
			if plan.Decision != want || plan.Rule != c.Rule || !strings.Contains(plan.Reason, c.Says) {
				t.Errorf("%s by %q: %s", plan.Decision, plan.Rule, plan.Reason)
			}
			if c.Class != "" && plan.ClassName != c.Class {
				t.Errorf("it gets class %q, want %q", plan.ClassName, c.Class)
			}
			if asked := asked(w, "WorkflowRun"); asked != (atFirst.Verdict == fleet.Undecided) {
				t.Errorf("at first %s; GitHub was asked for the workflow run: %t", atFirst.Verdict, asked)
			}
		})
	}
}
