package local_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// warm keeps so many idle runners of the class small.
func warm(count int) option {
	return func(c *local.Config, _ *sim.Config) {
		small := c.Policy.Classes["small"]
		small.Warm = &fleet.Warm{Count: count}
		c.Policy.Classes["small"], c.Policy.EnforcePolicy = small, true
	}
}

// awaitWarm waits until a runner idles on GitHub.
func (w *world) awaitWarm(id string) {
	w.t.Helper()
	w.await(id+" online", func() bool {
		for _, r := range w.github.Runners() {
			if strings.HasPrefix(r.Name, id+".") && r.Online {
				return true
			}
		}
		return false
	})
}

func TestAWarmRunnerTakesAJob(t *testing.T) {
	w := newWorld(t, warm(1))
	w.awaitWarm("test-w1-1")
	w.await("the idle runner is measured", func() bool {
		text := w.get("/metrics")
		return strings.Contains(text, `ecsrunner_warm_runners_idle{fleet_name="test"} 1`) && strings.Contains(text, `ecsrunner_warm_runners_wanted{fleet_name="test"} 1`)
	})
	if p := w.pool(); p.Has() != "1 of 1 idle" || !p.Full() || p.Today.Launched != 1 {
		t.Errorf("before the job the pool says %q, %q, %q", p.Has(), p.Reason, p.Today.Did())
	}
	began := time.Now()
	id := w.github.Queue(job("class:small"))
	w.await("start of the job", func() bool { return w.run(id).RanOn != "" })
	t.Logf("the job ran on %s %s after it was queued", w.run(id).RanOn, time.Since(began).Round(time.Millisecond))

	w.await("end of "+fleet.RunID(id), func() bool { return w.run(id).Status.Terminal() })
	if run := w.run(id); run.RanOn != "test-w1-1" || run.Status != fleet.RunCompleted || run.Conclusion != "success" {
		t.Errorf("run: %+v", run)
	}
	w.await("end of test-w1-1", func() bool { return w.runner("test-w1-1").Phase == fleet.Closed })
	if p := w.pool(); p.Today.Taken != 1 || p.Today.Lost+p.Today.Ended+p.Today.Failed != 0 {
		t.Errorf("after the job the pool has %q", p.Today.Did())
	}
	if shown := report.OfRunner(w.runner("test-w1-1")); shown.IdledFor == nil || !strings.Contains(shown.InPool(time.Time.String), "before its job") {
		t.Errorf("the runner is shown as %q", shown.InPool(time.Time.String))
	}
}

// pool is the one pool as `ecsrunner cluster status` shows it.
func (w *world) pool() pools.Pool {
	w.t.Helper()
	all, err := pools.ReadAll(w.t.Context(), w.fleet.Source(), "", time.Now())
	if err != nil || len(all) != 1 {
		w.t.Fatalf("pools %v, %v", all, err)
	}
	return all[0]
}

// GitHub gives the job to an idle runner before policy has refused it: the runner's hook
// ends it.
func TestAWarmRunnerEndsARefusedJob(t *testing.T) {
	w := newWorld(t, warm(1), func(c *local.Config, _ *sim.Config) {
		c.Policy.EnforcePolicy = true
		c.Policy.Rules = []fleet.Rule{{Name: "nobody", Refuse: "No job runs here."}}
	})
	w.awaitWarm("test-w1-1")
	refused := w.github.Queue(refusedJob())
	w.await("end of the refused job", func() bool { return w.run(refused).Conclusion != "" })
	if log := w.jobLog(refused); strings.Contains(log, "ran: ") || w.run(refused).Status != fleet.RunRefused || w.run(refused).RanOn != "test-w1-1" {
		t.Errorf("run %+v, the job's log is\n%s", w.run(refused), log)
	}
}

func TestIdleRunnersEndWithTheFleet(t *testing.T) {
	w := newWorld(t, warm(2))
	w.awaitWarm("test-w1-1")
	w.awaitWarm("test-w2-2")
	w.stop(patience)
	if left := w.github.Runners(); len(left) != 0 {
		t.Errorf("GitHub still has %+v", left)
	}
	w.start()
	w.await("the pool is filled again", func() bool { return w.runner("test-w1-3").RunnerID != "" && w.runner("test-w2-4").RunnerID != "" })
}
