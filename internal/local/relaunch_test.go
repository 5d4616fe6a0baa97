package local_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

// hangOnce hangs in the first entrypoint that calls it, until SIGTERM, and returns at once
// in every other.
func hangOnce() {
	mark, err := os.OpenFile(os.Getenv("HANG_ONCE"), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	mark.Close()
	told := make(chan os.Signal, 1) // without cgo, Go ends a program that waits for nothing
	signal.Notify(told, syscall.SIGTERM)
	<-told
	os.Exit(98)
}

// TestReapedRunnerIsReplaced: a container that never claims is reaped, its
// execution ends red, and its job gets the next runner a minute later.
func TestReapedRunnerIsReplaced(t *testing.T) {
	t.Parallel() // it waits for a minute
	w := newWorld(t, func(c *local.Config, _ *sim.Config) {
		c.Entrypoint[1] = "hanging-entrypoint"
		c.RunnerEnv = append(c.RunnerEnv, "HANG_ONCE="+filepath.Join(t.TempDir(), "hung"))
		// The next runner has to claim and to get its job within them.
		c.Policy.Limits.Start, c.Policy.Limits.Idle = 4*time.Second, 5*time.Second
		c.SweepEvery = time.Second
	})
	id := w.github.Queue(job())
	w.awaitRetry(id)
	run := w.run(id)
	if run.Setback.Name != fleet.RunnerStartTimeout || run.Setback.Hold == "" {
		t.Errorf("the run waits for %q: %s", run.Setback.Hold, run.Reason)
	}
	w.awaitEnd(id)
	d := w.details(id)
	// On a machine that is too busy the next one is reaped as well, and replaced.
	if d.Run.Conclusion != "success" || len(d.Executions) < 2 {
		t.Fatalf("run %s %s, executions %s", d.Run.Status, d.Run.Conclusion, statuses(d))
	}
	if first := d.Executions[0]; first.Status != engine.Failed || first.Error != fleet.RunnerStartTimeout || first.Cause == "" {
		t.Errorf("the first execution: %s %s %q", first.Status, first.Error, first.Cause)
	}
	if last := d.Executions[len(d.Executions)-1]; last.Status != engine.Succeeded {
		t.Errorf("the last execution: %s", last.Status)
	}
}

func TestApprovalOfAnEnvironment(t *testing.T) {
	w := newWorld(t)
	spec := job()
	spec.Environment = "production"
	id := w.github.Queue(spec)
	w.await("run that waits for approval", func() bool { return w.run(id).Status == fleet.RunWaiting })
	if run := w.run(id); run.Launched != 0 {
		t.Errorf("a runner was launched before the approval: %+v", run)
	}
	if err := w.github.Approve(id); err != nil {
		t.Fatal(err)
	}
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" || run.Launched != 1 {
		t.Errorf("%s %s, %d runners", run.Status, run.Conclusion, run.Launched)
	}
}

// TestForeignThief: a job that is not the fleet's, since it lacks the required
// label, may still be given to one of its runners. The job that lost its runner
// gets another.
func TestForeignThief(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) { c.Policy.RequiredLabel = "mine" })
	thief := w.github.Queue(job())
	own := w.github.Queue(job("mine"))
	w.awaitEnd(own)
	if run := w.run(own); run.Conclusion != "success" || run.Launched != 2 {
		t.Errorf("the fleet's job: %s %s, %d runners (%s)", run.Status, run.Conclusion, run.Launched, run.Reason)
	}
	w.await("record of the thief", func() bool { return w.run(thief).Status == fleet.RunCompleted })
	if run := w.run(thief); !strings.HasPrefix(run.RanOn, "test-") || run.Launched != 0 {
		t.Errorf("the thief ran on %q, and %d runners were launched for it", run.RanOn, run.Launched)
	}
}

// TestBrokenImageDoesNotLoop: a runner program that ends at once costs one task. Other jobs
// of the image wait without one, and all run once another configuration is there.
func TestBrokenImageDoesNotLoop(t *testing.T) {
	w := newWorld(t, func(c *local.Config, _ *sim.Config) {
		c.RunnerCommand = []string{"/bin/false"}
		c.SweepEvery = time.Second
	})
	works := []string{w.config.Entrypoint[0], "simulated-runner"}
	id := w.github.Queue(job())
	w.awaitRetry(id)
	other := w.github.Queue(job())
	w.awaitRetry(other)
	for _, id := range []int64{id, other} {
		run := w.run(id)
		if !strings.HasPrefix(run.Reason, fleet.RunnerStoppedEarly) || run.Setback.Kind != fleet.SetbackStart || run.Setback.Hold == "" {
			t.Errorf("%s waits for %q: %s", run.RunID, run.Setback.Hold, run.Reason)
		}
	}
	if first, second := w.run(id).Launched, w.run(other).Launched; first != 1 || second != 0 {
		t.Errorf("%d and %d runners were launched, want one to try", first, second)
	}
	if !strings.Contains(w.logged(), "launches are held") {
		t.Error("the log does not tell of the hold")
	}

	w.stop(time.Minute)
	w.config.RunnerCommand, w.config.Policy.MaxRunners = works, 21
	w.start()
	w.awaitEnd(id, other)
	for _, id := range []int64{id, other} {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("in another configuration %s is %s %s: %s", run.RunID, run.Status, run.Conclusion, run.Reason)
		}
	}
}
