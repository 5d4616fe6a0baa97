package local_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// sweeping makes the sweep run often and give little grace.
func sweeping(c *local.Config, _ *sim.Config) {
	c.SweepEvery, c.SweepGrace = 200*time.Millisecond, 500*time.Millisecond
}

// TestLostWebhooks loses 30 % of all webhooks. Every job must end right all the
// same; the repairs are counted by cause.
func TestLostWebhooks(t *testing.T) {
	const seed, jobs = 1, 45 // so many start at once, and what gets lost once more
	random := rand.New(rand.NewPCG(seed, seed))
	lost := map[string]int{}
	lose := func(_ *local.Config, s *sim.Config) {
		s.Deliver = func(d sim.Delivery) []sim.Delivery { // called from one goroutine
			if random.Float64() < 0.3 {
				lost[d.Action]++
				return nil
			}
			return []sim.Delivery{d}
		}
	}
	w := newWorld(t, sweeping, lose)
	var ids []int64
	for i := range jobs {
		ids = append(ids, w.github.Queue(jobThat(fmt.Sprintf("echo job %d", i))))
	}
	w.awaitEnd(ids...)
	for _, id := range ids {
		if run := w.run(id); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
			t.Errorf("%s: %s %s (%s)", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
	w.awaitNothingLeft()
	if err := w.github.WaitAll(t.Context()); err != nil { // no delivery is counted any more
		t.Fatal(err)
	}
	t.Logf("lost webhooks: %s", counts(lost))
	t.Logf("repairs: %s", counts(w.repairs()))
	if len(lost) < 3 || len(w.repairs()) == 0 {
		t.Error("nothing was lost or repaired: this test shows nothing")
	}
}

// TestOrderIsKept: with room for three, thirty jobs are launched in the order in
// which they came, and those that wait say so.
func TestOrderIsKept(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.Policy.MaxRunners = 3 })
	var ids []int64
	sawWaiting := false
	for range 30 {
		id := w.github.Queue(job())
		w.await("runner or a place to wait", func() bool { return w.run(id).Launched > 0 || w.run(id).WaitsForRoom })
		if run := w.run(id); run.WaitsForRoom {
			sawWaiting = true
			if !strings.Contains(run.Reason, "max_runners is 3") {
				t.Errorf("a run that waits does not say why: %q", run.Reason)
			}
		}
		ids = append(ids, id)
	}
	w.awaitEnd(ids...)
	if n := w.mostAtOnce(); n > 3 {
		t.Errorf("%d runners were open at once; max_runners is 3", n)
	}
	if !sawWaiting {
		t.Error("no run ever waited: this test shows nothing")
	}
	inOrder := sort.SliceIsSorted(ids, func(i, j int) bool {
		return w.run(ids[i]).At(fleet.StageLaunched).Before(w.run(ids[j]).At(fleet.StageLaunched))
	})
	if !inOrder {
		t.Error("runs were not launched in the order in which their jobs came")
	}
}

// TestTwoFleetsOnOneRepository: neither touches the other's runners, although
// the name of one begins like the other's and both sweep.
func TestTwoFleetsOnOneRepository(t *testing.T) {
	w := newWorld(t, sweeping)
	second := w.config
	second.DataDir, second.Listen = t.TempDir(), "127.0.0.1:0"
	second.Policy.FleetName = "test-2"
	second.Policy.RequiredLabel = "second"
	second.Observe = nil
	other, err := local.Start(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop(t.Context())

	path, open := gate(t)
	id := w.github.Queue(jobThat(atGate(path)))
	w.await("job under way", func() bool { return w.run(id).Status == fleet.RunRunning })
	// GitHub sends its webhooks to the first fleet alone: the other one sweeps its
	// job in.
	theirs := w.github.Queue(job("second"))
	w.awaitSweeps(3)
	w.await("the other fleet's job", func() bool {
		run, _, err := other.Source().Run(t.Context(), fleet.RunID(theirs))
		return err == nil && run.Conclusion == "success"
	})
	w.awaitSweeps(3)
	open()
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("%s %s (%s)", run.Status, run.Conclusion, run.Reason)
	}
	runs, err := other.Source().Runs(t.Context(), 10)
	if err != nil || len(runs) != 1 || runs[0].Launched != 1 {
		t.Errorf("the other fleet has %+v, %v; want its own job alone, and one runner", runs, err)
	}
	if _, known, err := w.fleet.Source().Run(t.Context(), fleet.RunID(theirs)); err != nil || known {
		t.Errorf("the first fleet has a record of the other's job (%v)", err)
	}
}

func (w *world) repairs() map[string]int {
	w.t.Helper()
	repairs, err := w.fleet.Source().Repairs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return repairs
}

// awaitSweeps waits for n more sweeps.
func (w *world) awaitSweeps(n int64) {
	w.t.Helper()
	until := w.fleet.Sweeps() + n
	w.await("sweeps", func() bool { return w.fleet.Sweeps() >= until })
}

// awaitNothingLeft waits until the sweep has left nothing on GitHub.
func (w *world) awaitNothingLeft() {
	w.t.Helper()
	w.await("no registration left", func() bool { return len(w.github.Runners()) == 0 })
}

func counts(by map[string]int) string {
	var parts []string
	for what, n := range by {
		parts = append(parts, fmt.Sprintf("%s %d", what, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
