//go:build aws

package flow

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func job(labels ...string) sim.JobSpec { return jobThat("echo hello", labels...) }

func jobThat(script string, labels ...string) sim.JobSpec {
	return sim.JobSpec{Workflow: "test", Name: "job", Labels: append([]string{"self-hosted"}, labels...), Steps: []sim.StepSpec{{Name: "step", Run: script}}}
}

// A job from the webhook to its record, through every deployed part.
func TestAJobRuns(t *testing.T) {
	w := start(t)
	id := w.github.Queue(job("class:medium"))
	w.awaitEnd(id)
	run := w.run(id)
	if run.Status != fleet.RunCompleted || run.Conclusion != "success" || run.ClassName != "medium" {
		t.Errorf("run %+v", run)
	}
	w.leftNothing()
	for _, name := range []string{"webhook", "dispatch", "validate", "resolveimage", "registertaskdefinition", "runtask", "claim", "recordstatus"} {
		if !slices.Contains(w.invoked, name) {
			t.Errorf("function %s was not invoked", name)
		}
	}
}

// leftNothing checks what must hold when everything is quiet.
func (w *world) leftNothing() {
	w.t.Helper()
	ctx := w.t.Context()
	open, err := w.records.OpenRunners(ctx)
	if err != nil || len(open) > 0 {
		w.t.Errorf("open runners: %+v %v", open, err)
	}
	if capacity, err := w.records.Capacity(ctx); err != nil || capacity.Open != 0 {
		w.t.Errorf("capacity %+v %v", capacity, err)
	}
	if left := w.github.Runners(); len(left) > 0 {
		w.t.Errorf("registrations are left: %+v", left)
	}
	if broken := w.proxy.Violations(); len(broken) > 0 {
		w.t.Errorf("repeated calls were not the same: %s", strings.Join(broken, "\n"))
	}
	for _, rule := range w.proxy.Unused() {
		if !strings.HasPrefix(rule, "build") && !strings.HasPrefix(rule, "unknown tasks") && !strings.HasPrefix(rule, "STS") {
			w.t.Errorf("a fault that did not happen: %s", rule)
		}
	}
}

// sweep runs the sweep once, as the schedule would.
func (w *world) sweep() {
	w.t.Helper()
	if _, err := w.invoke("sweep", []byte(`{"source":"aws.scheduler"}`)); err != nil {
		w.t.Fatalf("sweep: %v", err)
	}
}

// An image that is not built yet: CodeBuild is started once, however many jobs wait for
// it.
func TestAnImageIsBuilt(t *testing.T) {
	w := start(t)
	w.guarded(t)
	var ids []int64
	for range 3 {
		ids = append(ids, w.github.Queue(job("image:node:22")))
	}
	w.awaitEnd(ids...)
	for _, id := range ids {
		// The third waits for room, and may get the runner of another before it has one.
		if run := w.run(id); run.Conclusion != "success" || run.Image != "" && run.Image != "image:docker.io/library/node:22" {
			t.Errorf("run %+v", run)
		}
	}
	builds := 0
	for _, call := range w.proxy.Calls() {
		if call.Operation == "StartBuild" {
			builds++
		}
	}
	if builds != 1 {
		t.Errorf("%d builds for one image", builds)
	}
	w.leftNothing()
}
