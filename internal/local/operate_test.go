package local_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

func (w *world) operator() control.Client { return control.Client{Dir: w.dir} }

func (w *world) pause(reason string) operate.PauseResult {
	w.t.Helper()
	res, err := w.operator().Pause(w.t.Context(), fleet.Operator{Reason: reason})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

func (w *world) resume() operate.ResumeResult {
	w.t.Helper()
	res, err := w.operator().Resume(w.t.Context(), fleet.Operator{})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// waits waits until a job's run is recorded with the reason that the fleet is paused.
func (w *world) waits(jobID int64, reason string) {
	w.t.Helper()
	w.await("run that waits", func() bool { return w.run(jobID).Reason == "the fleet is paused: "+reason })
	if run := w.run(jobID); run.Status != fleet.RunQueued || run.Launched != 0 {
		w.t.Errorf("%+v", run)
	}
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	if res := w.pause("an upgrade"); res.Already || res.FleetName != "test" || res.PausedAt.IsZero() {
		t.Errorf("%+v", res)
	}
	id := w.github.Queue(job())
	w.waits(id, "an upgrade")
	if res := w.pause("a long upgrade"); !res.Already || res.Waiting != 1 {
		t.Errorf("paused twice: %+v", res)
	}
	w.waits(id, "a long upgrade")
	if res := w.resume(); res.Already || res.Reason != "a long upgrade" || res.Waiting != 1 {
		t.Errorf("%+v", res)
	}
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" || run.Launched != 1 {
		t.Errorf("%+v", run)
	}
	if res := w.resume(); !res.Already {
		t.Errorf("resumed twice: %+v", res)
	}
}

// A job that GitHub gives up while the fleet is paused starts no process.
func TestAJobThatIsCancelledWhilePaused(t *testing.T) {
	w := newWorld(t)
	w.pause("an upgrade")
	id := w.github.Queue(job())
	w.waits(id, "an upgrade")
	if err := w.github.Cancel(id); err != nil {
		t.Fatal(err)
	}
	w.await("cancellation", func() bool { return w.run(id).Status == fleet.RunCancelled })
	w.resume()
	next := w.github.Queue(job())
	w.awaitEnd(next)
	if run := w.run(id); run.Launched != 0 {
		t.Errorf("%+v", run)
	}
}

// A fleet that does not run is paused and resumed in its records, and stays so.
func TestPauseOutlivesTheProcess(t *testing.T) {
	w := newWorld(t)
	w.stop(time.Second)
	if res := w.pause("an upgrade"); res.Already || res.FleetName != "test" {
		t.Errorf("%+v", res)
	}
	w.start()
	id := w.github.Queue(job())
	w.waits(id, "an upgrade")
	w.stop(time.Second)
	if res := w.resume(); res.Already || res.Waiting != 1 {
		t.Errorf("%+v", res)
	}
	w.start()
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("%+v", run)
	}
}

func TestDrainNow(t *testing.T) {
	path, _ := gate(t)
	w := newWorld(t)
	w.config.Policy.MaxRunners = 2
	w.stop(time.Second)
	w.start()
	busy := []int64{w.github.Queue(jobThat(atGate(path))), w.github.Queue(jobThat(atGate(path)))}
	for _, id := range busy {
		w.await("job that runs", func() bool { return w.run(id).Status == fleet.RunRunning })
	}
	queued := w.github.Queue(job())
	w.await("run that waits", func() bool { return w.run(queued).WaitsForRoom })

	var lines []string
	res, err := w.operator().Drain(t.Context(), true, fleet.Operator{}, func(line string) { lines = append(lines, line) })
	if err != nil || !res.Complete() || res.JobsStopped != 2 || res.Waiting != 1 || res.Already {
		t.Fatalf("%+v, %v\n%s", res, err, strings.Join(lines, "\n"))
	}
	if !slices.Contains(lines, "paused fleet test") {
		t.Errorf("progress: %q", lines)
	}
	w.waits(queued, "drained")
	if left := w.github.Runners(); len(left) != 0 {
		t.Errorf("registrations left on GitHub: %+v", left)
	}
	w.awaitEnd(busy...)
	if again, err := w.operator().Drain(t.Context(), true, fleet.Operator{}, func(string) {}); err != nil || !again.Already {
		t.Errorf("again: %+v, %v", again, err)
	}
	w.resume()
	w.awaitEnd(queued)
	if run := w.run(queued); run.Conclusion != "success" {
		t.Errorf("%+v", run)
	}
}

// A drain that lets jobs finish, and whose caller hangs up meanwhile.
func TestDrainIsGivenUp(t *testing.T) {
	path, open := gate(t)
	w := newWorld(t)
	id := w.github.Queue(jobThat(atGate(path)))
	w.await("job that runs", func() bool { return w.run(id).Status == fleet.RunRunning })
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.operator().Drain(ctx, false, fleet.Operator{}, func(line string) {
		if strings.HasPrefix(line, "waiting: 1 runner, 1 with a job") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	open()
	w.awaitEnd(id)
	if run := w.run(id); run.Conclusion != "success" {
		t.Errorf("%+v", run)
	}
	if res, err := w.operator().Drain(t.Context(), false, fleet.Operator{}, func(string) {}); err != nil || !res.Complete() {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestDrainNeedsAFleetThatRuns(t *testing.T) {
	w := newWorld(t)
	w.stop(time.Second)
	if _, err := w.operator().Drain(t.Context(), true, fleet.Operator{}, func(string) {}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

// A fleet of another name would leave the runners of the first open for ever.
func TestADataDirectoryKnowsItsFleet(t *testing.T) {
	w := newWorld(t)
	health, err := w.operator().Health(t.Context())
	if err != nil || health.Status != local.HealthOK || health.FleetName != "test" {
		t.Errorf("%+v, %v", health, err)
	}
	w.stop(0)
	if _, err := w.operator().Health(t.Context()); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("of a fleet that does not run: %v", err)
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	other := w.config
	other.Policy.FleetName = "other"
	if f, err := local.Start(t.Context(), other); !errors.As(err, new(local.WrongFleet)) || !strings.Contains(err.Error(), `"test"`) || !strings.Contains(err.Error(), `"other"`) {
		if f != nil {
			_ = f.Stop(t.Context())
		}
		t.Errorf("another fleet: %v", err)
	}
	if info, err := os.Stat(w.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
	w.start() // the first goes on
}
