package validate_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/decisiontest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// TestTheTable holds the step to the table that Policy.Admit and explain are held to. A job
// that is another's is refused here: its webhook was taken by a policy that has changed.
func TestTheTable(t *testing.T) {
	for _, c := range decisiontest.Cases(t) {
		t.Run(c.It, func(t *testing.T) {
			w := lifecycletest.New(t)
			job := w.Job(7)
			id := w.Launch(job)
			job.Labels = c.Labels
			plan, err := runWith(t, w, c.Policy, id, job)
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
		})
	}
}
