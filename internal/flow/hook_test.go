//go:build aws

package flow

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// TestARefusedJobOnTheRunnerOfAnother is what enforce_policy is for, as it is deployed: the
// hook's question goes through the API to claim, and its answer over the bus to dispatch.
func TestARefusedJobOnTheRunnerOfAnother(t *testing.T) {
	w := startWith(t, setup{policy: func(p *fleet.Policy) {
		p.EnforcePolicy = true
		p.Rules = []fleet.Rule{{Name: "images", Image: fleet.Patterns{"*"}, Allow: true}, {Name: "no-base-image", Refuse: "Name an image."}}
	}})
	spec := job()
	spec.Steps = []sim.StepSpec{{Run: "echo ran: main", Pre: "echo ran: pre"}, {Run: "echo ran: always", If: "always()"}}
	refused := w.github.Queue(spec)
	w.await("refusal", func() bool { return w.run(refused).Status == fleet.RunRefused })
	admitted := w.github.Queue(job("image:node:22"))
	w.awaitEnd(admitted)
	w.await("end of the refused job", func() bool { return w.run(refused).Conclusion != "" })

	if log := strings.Join(w.github.JobLog(refused), "\n"); !strings.Contains(log, "Name an image (rule policy.no-base-image).") || strings.Contains(log, "ran: ") {
		t.Errorf("the refused job's log is\n%s", log)
	}
	if run := w.run(refused); run.Status != fleet.RunRefused || run.Conclusion != "cancelled" || run.RanOn == "" {
		t.Errorf("the refused run is %s with %q, on %q", run.Status, run.Conclusion, run.RanOn)
	}
	if run := w.run(admitted); run.Conclusion != "success" || run.Launched != 2 {
		t.Errorf("the run whose runner was taken ends with %q after %d runners (%s)", run.Conclusion, run.Launched, run.Reason)
	}
	w.leftNothing()
}
