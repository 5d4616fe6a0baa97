//go:build aws

package flow

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// TestKilledAtEveryCall runs one job for every call that a function makes for a job: it
// kills the function's process before the call is carried out, and once more after the last.
// Each time the job must run, once, and leave one task, one build and one registration at
// most.
func TestKilledAtEveryCall(t *testing.T) {
	w := start(t)
	played := 0
	plain := func() sim.JobSpec { return job() }
	points := w.countCalls(plain)
	for _, f := range functions.All {
		name := f.Folder()
		played += w.killAll(t, name, points[name], plain)
	}
	images := 0
	unbuilt := func() sim.JobSpec {
		images++
		return job(fmt.Sprintf("image:node:%d", images))
	}
	points = w.countCalls(unbuilt)
	for _, name := range []string{"resolveimage", "buildimage", "registertaskdefinition"} {
		built := w.killAll(t, name, points[name], unbuilt)
		if played == 0 || built == 0 {
			t.Errorf("%d points to die at, %d of them in %s: this test holds for nothing", played, built, name)
		}
		played += built
	}
	t.Logf("%d jobs, a function killed in each", played)
	w.sweep()
	w.leftNothing()
}

// countCalls runs a job and lists the operations that each function calls.
func (w *world) countCalls(spec func() sim.JobSpec) map[string][]string {
	w.t.Helper()
	w.awaitEnd(w.github.Queue(spec())) // starts the processes: what they do ahead is no part of a job
	before := len(w.proxy.Calls())
	w.awaitEnd(w.github.Queue(spec()))
	points := map[string][]string{}
	for _, call := range w.proxy.Calls()[before:] {
		points[call.Client] = append(points[call.Client], call.Operation)
	}
	return points
}

// killAll kills a function before each call, and after its last. After any other the world is
// as before the next.
func (w *world) killAll(t *testing.T, name string, points []string, spec func() sim.JobSpec) (played int) {
	t.Helper()
	for k := range points {
		w.killAt(t, name, k, "before", faultproxy.LostRequests, spec())
		played++
	}
	if len(points) > 0 {
		w.killAt(t, name, len(points)-1, "after", faultproxy.LostAnswers, spec())
		played++
	}
	return played
}

type fault func(calls faultproxy.Match, n int, hook func(faultproxy.Call)) faultproxy.Rule

func (w *world) killAt(t *testing.T, name string, k int, when string, fault fault, spec sim.JobSpec) {
	t.Helper()
	w.await("a minute in which another runner may start", func() bool {
		capacity, err := w.records.Capacity(t.Context())
		return err == nil && capacity.Room(fleet.MostStarts, time.Now()) > 0
	})
	tasks, calls := w.fargate.count(), len(w.proxy.Calls())
	killed := make(chan string, 1)
	rule := fault(faultproxy.Match{Client: name}, 1, func(c faultproxy.Call) {
		w.functions[name].Kill()
		killed <- c.Service + ":" + c.Operation
	})
	rule.Name, rule.Skip = fmt.Sprintf("unknown tasks: kill %s at call %d", name, k), k
	off := w.proxy.Use(rule)
	id := w.github.Queue(spec)
	w.await("the job", func() bool {
		j, _ := w.github.Job(id)
		return j.Status == "completed" || len(w.lostDeliveries()) > 0 || w.run(id).Status.Terminal()
	})
	for _, delivery := range w.lostDeliveries() { // as the sweep does
		if err := w.github.Redeliver(delivery); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitEnd(id)
	off()
	what := "not reached"
	select {
	case what = <-killed:
	default: // fewer calls than in the first job: a process kept what it had read
	}
	run, started := w.run(id), w.fargate.count()-tasks
	if run.Status != fleet.RunCompleted || run.Conclusion != "success" || started != 1 || run.Launched != 1 {
		t.Errorf("%s killed %s call %d (%s): %s %s %s, %d tasks, %d runners", name, when, k, what, run.Status, run.Conclusion, run.Reason, started, run.Launched)
	}
	builds := map[string]bool{} // by request: CodeBuild recognizes a repeated one
	for _, call := range w.proxy.Calls()[calls:] {
		if call.Operation == "StartBuild" && call.Forwarded {
			builds[call.BodyHash] = true
		}
	}
	if len(builds) > 1 {
		t.Errorf("%s killed %s call %d (%s): %d builds were started", name, when, k, what, len(builds))
	}
}

// lostDeliveries are those whose newest attempt failed.
func (w *world) lostDeliveries() (ids []int64) {
	newest := map[string]int64{}
	failed := map[int64]bool{}
	for _, d := range w.github.Deliveries() {
		if d.ID > newest[d.GUID] {
			newest[d.GUID] = d.ID
		}
		failed[d.ID] = !d.OK()
	}
	for _, id := range newest {
		if failed[id] {
			ids = append(ids, id)
		}
	}
	return ids
}
