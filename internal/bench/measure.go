package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// leastLive is how many runners are held to see what they cost, or as many as there are
// jobs at once.
const leastLive = 100

// await waits until it holds, and fails when nothing has changed for long.
func (w *world) await(ctx context.Context, what string, holds func() bool) error {
	stuck := time.NewTimer(patience)
	defer stuck.Stop()
	for !holds() {
		select {
		case <-w.watch.changed:
			stuck.Reset(patience)
		case why := <-w.gone:
			return fmt.Errorf("%s: the process of the stand-ins ended: %s", what, why)
		case <-stuck.C:
			running, over := w.watch.counts()
			return fmt.Errorf("%s: nothing has happened for %s; %d jobs began and %d ended; the log is %s", what, patience, running, over, filepath.Join(w.cfg.Dir, "fleet.log"))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// liveRunners measures what runners hold while their jobs run. Before, as many jobs came
// and went, so that what is made once is there.
func (w *world) liveRunners(ctx context.Context) (Live, error) {
	n := min(max(w.cfg.Concurrency, leastLive), w.cfg.Jobs)
	ended := func() bool { _, over := w.watch.counts(); return over == n }
	w.cfg.Say("warming up with %d jobs", n)
	w.order(order{Queue: n})
	if err := w.await(ctx, "warm up", ended); err != nil {
		return Live{}, err
	}
	w.watch.reset()
	without := hold()
	w.cfg.Say("holding %d live runners", n)
	w.order(order{Hold: true, Queue: n})
	if err := w.await(ctx, "hold live runners", func() bool { running, _ := w.watch.counts(); return running == n }); err != nil {
		return Live{}, err
	}
	with := hold()
	w.order(order{Release: true})
	if err := w.await(ctx, "let the runners end", ended); err != nil {
		return Live{}, err
	}
	w.watch.reset()
	each := float64(n)
	return Live{
		Runners: n, Heap: int64(float64(with.heap-without.heap) / each), Resident: int64(float64(with.resident-without.resident) / each),
		Descriptors: round(float64(with.descriptors-without.descriptors)/each, 2), Goroutines: round(float64(with.goroutines-without.goroutines)/each, 2),
	}, nil
}

// jobs measures the jobs.
func (w *world) jobs(ctx context.Context, live Live) (Result, error) {
	n, c := w.cfg.Jobs, min(w.cfg.Concurrency, w.cfg.Jobs)
	before, err := w.report(ctx)
	if err != nil {
		return Result{}, err
	}
	cpu := usage().cpu
	w.load = load()
	if w.cfg.Profile != nil {
		defer w.cfg.Profile()()
	}
	w.cfg.Say("running %d jobs, %d at once", n, c)
	begun, said := time.Now(), time.Now()
	queued := c
	w.order(order{Queue: c, Over: int64(w.cfg.JobTime)})
	err = w.await(ctx, "run the jobs", func() bool {
		_, over := w.watch.counts()
		if more := min(over+c, n) - queued; more > 0 {
			queued += more
			w.order(order{Queue: more})
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			w.cfg.Say("%d of %d jobs ended, %.0f a second", over, n, float64(over)/time.Since(begun).Seconds())
		}
		return over == n
	})
	took := time.Since(begun)
	cpu = usage().cpu - cpu
	if err != nil {
		return Result{}, err
	}
	after, err := w.report(ctx)
	if err != nil {
		return Result{}, err
	}
	r := w.result(live, after.Failed, after.First)
	r.Seconds, r.JobRate = round(took.Seconds(), 1), round(float64(n)/took.Seconds(), 1)
	r.Webhooks = after.Webhooks - before.Webhooks
	r.HookRate = round(float64(r.Webhooks)/took.Seconds(), 1)
	r.CPUPerJob, r.StandInsCPU = milliseconds(cpu/time.Duration(n)), milliseconds(time.Duration(after.CPU-before.CPU)/time.Duration(n))
	return r, nil
}

// result is what was seen of the jobs.
func (w *world) result(live Live, failedWebhooks int, firstFailed string) Result {
	r := Result{
		Jobs: w.cfg.Jobs, Concurrency: w.cfg.Concurrency, JobSeconds: round(w.cfg.JobTime.Seconds(), 3), Records: w.cfg.Records, Live: live,
		StandIns: []string{"a simulated GitHub", "a runner that does nothing"},
		Machine:  Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Processors: runtime.NumCPU(), Go: runtime.Version(), Load: w.load},

		PeakResident: usage().peak, Database: size(w.database()),
	}
	errors, warnings, first := w.log.so()
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	r.Errors, r.Warnings, r.TooLate = w.watch.wrong+failedWebhooks+errors, warnings, w.watch.tooLate
	for _, what := range []string{w.watch.first, firstFailed, first} {
		if r.FirstOops == "" {
			r.FirstOops = what
		}
	}
	var overhead, standIns, closing, whole []time.Duration
	for runID, l := range w.watch.jobs {
		runnerID := fleet.RunnerID(fleetName, jobOf(runID), 1)
		started, ended := w.tasks.times(runnerID)
		whole = append(whole, l.over.Sub(l.sent))
		if started.IsZero() || ended.IsZero() {
			continue // another runner took its job before it had one
		}
		overhead = append(overhead, started.Sub(l.sent))
		standIns = append(standIns, ended.Sub(started))
		closing = append(closing, w.watch.closed[runnerID].Sub(ended))
	}
	r.Overhead, r.StandInPart, r.Closing, r.Job = percentiles(overhead), percentiles(standIns), percentiles(closing), percentiles(whole)
	return r
}

func jobOf(runID string) (job int64) {
	_, _ = fmt.Sscanf(runID, "job-%d", &job)
	return job
}
