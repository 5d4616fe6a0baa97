package lifecycle_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

const warm1, warm2 = "fleet-w1-1", "fleet-w2-2"

// idle compares the runners that idle in the pool.
func idle(t *testing.T, w *world, want ...string) {
	t.Helper()
	var got []string
	for id := range w.Capacity().Warm {
		if got = append(got, id); !w.Runner(id).Idle() {
			t.Errorf("%s is listed and does not idle", id)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%q idle, want %q", got, want)
	}
}

func took(t *testing.T, w *world, id int64, runner string) {
	t.Helper()
	job := lifecycletest.InProgress(w.GitHub.Has(id), fleet.RunnerName(runner, 1))
	w.GitHub.Set(job)
	w.GitHub.Runner(job.RunnerName).Working = true
	if err := w.Fleet().Took(t.Context(), job, runner, w.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestALaunchExpectsAWarmRunner(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	idle(t, w, warm1)
	if got := w.Launch(w.Job(7)); got != warm1 {
		t.Fatalf("launched %s", got)
	}
	idle(t, w)
	run, runner := w.Run("job-7"), w.Runner(warm1)
	if runner.For != "job-7" || run.Launched != 0 || run.Status != fleet.RunWaitingForJob || w.Capacity().Open != 1 {
		t.Errorf("runner %+v, run %+v, %d are open", runner, run, w.Capacity().Open)
	}
	took(t, w, 7, warm1)
	if run := w.Run("job-7"); run.RanOn != warm1 || run.Status != fleet.RunRunning {
		t.Errorf("run %+v", run)
	}
	if s := w.Capacity().State("small@octo/repo", w.Now()); s.Launched != 1 || s.Taken != 1 {
		t.Errorf("the pool's state is %+v", s)
	}
}

func TestALaunchLooksFor(t *testing.T) {
	later := func(change func(*fleet.Runner)) func(*world) {
		return func(w *world) { w.EditRunner(warm1, change) }
	}
	for name, c := range map[string]struct {
		labels []string
		before func(*world)
		want   string
	}{
		"one with the job's labels":                      {labels: []string{"self-hosted", "linux", "class:small"}, want: warm1},
		"one that was registered, before one that isn't": {before: later(func(r *fleet.Runner) { delete(r.Times, fleet.StageRegistered) }), want: warm2},
		"one that has no job":                            {before: later(func(r *fleet.Runner) { r.Took = 9 }), want: warm2},
		"one that is not ending":                         {before: later(func(r *fleet.Runner) { r.Phase = fleet.Closing }), want: warm2},
		"one that has not stopped":                       {before: later(func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped }), want: warm2},
		"none of another class":                          {labels: []string{"self-hosted", "class:large"}, want: "fleet-7-1"},
		"none for a job with a label of its own":         {labels: []string{"self-hosted", "run:7"}, want: "fleet-7-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.Warm(2)
			if c.before != nil {
				c.before(w)
			}
			if got := w.Launch(w.Job(7, c.labels...)); got != c.want {
				t.Errorf("launched %s, want %s", got, c.want)
			}
		})
	}
}

// reads notes the runners that a launch reads.
type reads struct {
	*lifecycletest.Records
	runners map[string]bool
}

func (r reads) Runner(ctx context.Context, id string) (fleet.Runner, bool, error) {
	r.runners[id] = true
	return r.Records.Runner(ctx, id)
}

func TestALaunchReadsFewRunners(t *testing.T) {
	own, other := []string{"self-hosted", "class:small"}, []string{"self-hosted", "class:large"}
	for name, c := range map[string]struct {
		labels           []string
		max, share, kept int
		want             int
	}{
		"the first that idles":                {own, 20, 0, 0, 1},
		"none that idles for another class":   {other, 20, 0, 0, 0},
		"nor with shares":                     {other, 20, 18, 0, 0},
		"nor with places kept":                {other, 20, 18, 2, 0},
		"those that may give way to it":       {other, 5, 0, 0, 5},
		"those that may give it their share":  {other, 20, 5, 0, 5},
		"those in the places before the kept": {other, 7, 6, 2, 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.Warm(5)
			read := reads{w.Records, map[string]bool{}}
			f := w.Fleet()
			f.Records, f.MaxRunners, f.MaxPerRepository, f.KeptForOthers, f.Repositories = read, c.max, c.share, c.kept, 3
			job := w.Job(7, c.labels...)
			run := fleet.NewRun(job, w.Now()).Want(w.Policy().Wants(job))
			if err := w.Records.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{run}}); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Launch(t.Context(), run.RunID); err != nil {
				t.Fatal(err)
			}
			if len(read.runners) != c.want {
				t.Errorf("it reads %d, want %d: %s", len(read.runners), c.want, w.Run(run.RunID).Reason)
			}
		})
	}
}

func TestALaunchFindsAnIdleRunnerBehindManyThatStart(t *testing.T) {
	for _, age := range []time.Duration{30 * time.Second, 5 * time.Minute} {
		w := lifecycletest.New(t)
		registered := w.Warm(2)
		w.Pass(age)
		if n, why, err := w.Fleet().FillPool(t.Context(), w.Pool(fleet.Warm{Count: 20}), 0, 10, inTime); n != 10 {
			t.Fatal(n, why, err)
		}
		if got := w.Launch(w.Job(7)); !slices.Contains(registered, got) {
			t.Errorf("launched %s, and %q idle since %s", got, registered, age)
		}
	}
}

// GitHub chooses among the idle runners: half of the time not the one that is expected.
func TestAWarmRunnerWhoseJobAnotherTookIdlesAgain(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(2)
	w.Launch(w.Job(7))
	took(t, w, 7, warm2)
	idle(t, w, warm1)
	if r := w.Runner(warm1); r.Phase != fleet.Open || r.For != "" {
		t.Errorf("it is %+v", r)
	}
	if got := w.Launch(w.Job(8)); got != warm1 {
		t.Errorf("the next job has %s", got)
	}
}

func TestAWarmRunnerWhoseJobIsCancelledIdlesAgain(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	w.Launch(w.Job(7))
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.Job(7), fleet.ConclusionCancelled)); err != nil {
		t.Fatal(err)
	}
	idle(t, w, warm1)
	if r := w.Runner(warm1); r.Phase != fleet.Open || r.For != "" || w.Run("job-7").RunnerID != "" {
		t.Errorf("it is %+v", r)
	}
}

func TestAJobThatWasNotLaunchedTakesAWarmRunner(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	w.Job(9)
	took(t, w, 9, warm1) // its queued event is lost
	idle(t, w)
	if r := w.Runner(warm1); r.Took != 9 || r.For != "job-9" || w.Run("job-9").RanOn != warm1 {
		t.Errorf("it is %+v", r)
	}
}

// Nothing kept the job from the runner, so the run gets one of its own at once.
func TestARunWhoseWarmRunnerGitHubDeletedIsLaunchedAnew(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(2)
	w.Launch(w.Job(7))
	w.GitHub.Remove(fleet.RunnerName(warm1, 1))
	task := w.Tasks.Ends(warm1, 0)
	w.EditRunner(warm1, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
	if name, _, err := w.Fleet().WhyStopped(t.Context(), w.Runner(warm1)); err != nil || name != fleet.RunnerNotWanted {
		t.Fatalf("%s, %v: want it to end green", name, err)
	}
	if _, next, err := w.Fleet().Finish(t.Context(), warm1, nil, "", ""); err != nil || next != "fleet-7-1" {
		t.Fatalf("launched %q, %v", next, err)
	}
	if run := w.Run("job-7"); run.Fruitless != 0 || run.RunnerID != "fleet-7-1" {
		t.Errorf("run %+v", run)
	}
	if s := w.Capacity().State("small@octo/repo", w.Now()); s.Lost != 1 {
		t.Errorf("the pool's state is %+v", s)
	}
}

func TestASlotIsUsedAgain(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(3)
	took(t, w, w.Job(9).JobID, warm2)
	w.Warm(3)
	idle(t, w, warm1, "fleet-w2-4", "fleet-w3-3")
}

func TestAnIdleRunnerThatGitHubDeletesIsReplacedLater(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	task := w.Tasks.Ends(warm1, 0)
	w.EditRunner(warm1, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
	if name, _, err := w.Fleet().WhyStopped(t.Context(), w.Runner(warm1)); err != nil || name != fleet.RunnerNotWanted {
		t.Fatalf("%s, %v: want it to end green", name, err)
	}
	if _, _, err := w.Fleet().Finish(t.Context(), warm1, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	idle(t, w)
	for _, c := range []struct {
		pass time.Duration
		want int
		why  string
	}{{time.Minute, 0, "was lost soon after it was launched"}, {time.Minute, 1, ""}} {
		w.Pass(c.pass)
		n, why, err := w.Fleet().FillPool(t.Context(), w.Pool(fleet.Warm{Count: 1}), 0, 5, inTime)
		if err != nil || n != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%d launched, %q, %v; want %d, %q", n, why, err, c.want, c.why)
		}
	}
}

// Else GitHub would delete all of them at once, again and again.
func TestAPoolThatLosesRunnersLaunchesOneAMinute(t *testing.T) {
	w := lifecycletest.New(t)
	for _, id := range w.Warm(2) {
		task := w.Tasks.Ends(id, 0)
		w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
		if _, _, err := w.Fleet().Finish(t.Context(), id, nil, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, pass := range []time.Duration{3 * time.Minute, time.Minute} {
		w.Pass(pass)
		if n, why, err := w.Fleet().FillPool(t.Context(), w.Pool(fleet.Warm{Count: 3}), 0, 5, inTime); err != nil || n != 1 || !strings.Contains(why, "one a minute") {
			t.Errorf("%d launched, %q, %v", n, why, err)
		}
	}
}

func TestARunWithoutRoomEndsAnIdleRunnerThatCannotServeIt(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 2
	w.Warm(2)
	if got := w.Launch(w.Job(7, "self-hosted", "class:large")); got != "" {
		t.Fatalf("launched %s", got)
	}
	for range 2 { // the launch is repeated, and no other ends for it
		if _, err := w.Fleet().Launch(t.Context(), "job-7"); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := w.Runner(warm1), w.Runner(warm2); a.Phase != fleet.Closing || a.Reason != fleet.GivesWay || b.Phase != fleet.Open {
		t.Fatalf("they are %s (%s) and %s", a.Phase, a.Reason, b.Phase)
	}
	if _, next, err := w.Fleet().Finish(t.Context(), warm1, nil, "", ""); err != nil || next != "" {
		t.Fatal(next, err)
	}
	if run := w.Run("job-7"); run.RunnerID != "fleet-7-1" {
		t.Errorf("the run waits: %s", run.Reason)
	}
}

func TestAPoolIsNotFilledWhile(t *testing.T) {
	pool := fleet.Warm{Count: 1}
	for name, c := range map[string]struct {
		setup func(*world)
		warm  fleet.Warm
		why   string
	}{
		"the fleet is paused":        {func(w *world) { pause(t, w, "for a while") }, pool, "the fleet is paused"},
		"a job waits for room":       {func(w *world) { w.MaxRunners = 0; w.Launch(w.Job(7)) }, pool, "jobs wait for room"},
		"there is no room":           {func(w *world) { w.MaxRunners = 0 }, pool, "max_runners is 0"},
		"its hours are used up":      {func(w *world) { w.Warm(1); w.Pass(time.Hour); w.Launch(w.Job(7)) }, fleet.Warm{Count: 1, IdleHoursPerDay: 1}, "are used up"},
		"its last runner failed":     {func(w *world) { w.Warm(1); fails(t, w) }, pool, "its last runner failed, and it tries again"},
		"its class or image is held": {func(w *world) { heldByConfiguration(w) }, pool, "are held"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.setup(w)
			n, why, err := w.Fleet().FillPool(t.Context(), w.Pool(c.warm), 0, 5, inTime)
			if err != nil || n != 0 || !strings.Contains(why, c.why) {
				t.Errorf("%d launched, %q, %v; want it to say %q", n, why, err, c.why)
			}
		})
	}
}

func fails(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.Fleet().Close(t.Context(), warm1, nil, fleet.RunnerStartTimeout, "it never came up"); err != nil {
		t.Fatal(err)
	}
}

func heldByConfiguration(w *world) {
	run := fleet.NewRun(w.Job(7), w.Now()).Want(w.Policy().Wants(w.Job(7)))
	closed := fleet.Close(fleet.CloseFacts{
		Runner: fleet.Runner{RunnerID: "fleet-7-1", RunID: "job-7", For: "job-7", Phase: fleet.Open}, Run: ptr(expects(run, "fleet-7-1")), Error: fleet.RunnerLaunchFailed, Cause: "no subnet", Now: w.Now(),
	})
	for _, h := range closed.Changes.Holds {
		w.Records.Put(h)
	}
}

func expects(run fleet.Run, runnerID string) fleet.Run {
	run.RunnerID = runnerID
	return run
}

func ptr[T any](v T) *T { return &v }

func inTime() bool { return false }

func TestThePoolEndsWhatItDoesNotWant(t *testing.T) {
	for name, c := range map[string]struct {
		warm  fleet.Warm
		pass  time.Duration
		left  int
		ended string
	}{
		"too many":                {fleet.Warm{Count: 1}, 0, 1, "more idle runners than it wants"},
		"outside of its schedule": {fleet.Warm{Count: 2, Schedule: "daily 10:00-11:00"}, 0, 0, "its schedule wants no runner now"},
		"too old, one by one":     {fleet.Warm{Count: 2, RotateAfter: fleet.Age(time.Hour)}, time.Hour, 1, "replaced after 1h0m0s"},
		"hours used up":           {fleet.Warm{Count: 2, IdleHoursPerDay: 1}, 30 * time.Minute, 0, "idle_hours_per_day (1) are used up"},
		"all as it wants":         {fleet.Warm{Count: 2}, time.Hour, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.Warm(2)
			w.Pass(c.pass)
			if err := w.Fleet().EndUnwanted(t.Context(), w.Pool(c.warm), 0, inTime); err != nil {
				t.Fatal(err)
			}
			left := 0
			for _, id := range []string{warm1, warm2} {
				if r := w.Runner(id); r.Phase == fleet.Open {
					left++
				} else if !strings.Contains(r.Reason, c.ended) {
					t.Errorf("%s ended: %s", id, r.Reason)
				}
			}
			if left != c.left {
				t.Errorf("%d are left, want %d", left, c.left)
			}
		})
	}
}

// The launch expects the runner between the look at the pool and the end of the runner.
func TestARunnerThatARunExpectsDoesNotEndWithItsPool(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	w.After("Records.Capacity", func() { w.Launch(w.Job(7)) })
	if err := w.Fleet().EndUnwanted(t.Context(), w.Pool(fleet.Warm{Count: 1, Schedule: "daily 10:00-11:00"}), 0, inTime); err != nil {
		t.Fatal(err)
	}
	if r := w.Runner(warm1); r.Phase != fleet.Open || r.For != "job-7" {
		t.Errorf("it is %s for %q: %s", r.Phase, r.For, r.Reason)
	}
}

// Two launches find the same runner, and one of them gets it.
func TestTwoLaunchesShareNoWarmRunner(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	w.Job(8)
	w.After("Records.Holds", func() { w.Launch(w.Job(8)) })
	if got := w.Launch(w.Job(7)); got != "fleet-7-1" || w.Run("job-8").RunnerID != warm1 {
		t.Errorf("job 7 has %s, and job 8 %s", got, w.Run("job-8").RunnerID)
	}
}

func TestFunctionsDieWhileAPoolIsUsed(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.Warm(2)
		w.Launch(w.Job(7))
		return w
	}
	for name, call := range map[string]func(*world, lifecycle.Fleet) error{
		"filled": func(w *world, f lifecycle.Fleet) error {
			_, _, err := f.FillPool(t.Context(), w.Pool(fleet.Warm{Count: 2}), 0, 2, inTime)
			return err
		},
		"taken from": func(w *world, f lifecycle.Fleet) error {
			job := w.Job(8)
			return f.Queued(t.Context(), job, w.Policy().Wants(job), w.Now())
		},
		"returned to": func(w *world, f lifecycle.Fleet) error {
			return f.Completed(t.Context(), lifecycletest.Completed(w.Job(7), fleet.ConclusionCancelled))
		},
		"emptied": func(w *world, f lifecycle.Fleet) error {
			return f.EndUnwanted(t.Context(), w.Pool(fleet.Warm{Count: 2, Schedule: "daily 10:00-11:00"}), 0, inTime)
		},
	} {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t, setup, func(w *world) error { return call(w, w.Fleet()) }, func(w *world) {
				settlePool(t, w)
			})
		})
	}
}

// settlePool does what the sweep does for runners whose process died.
func settlePool(t *testing.T, w *world) {
	t.Helper()
	open, err := w.Records.OpenRunners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range open {
		if err := w.Fleet().StartAgain(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if r.Phase == fleet.Closing {
			if _, err := w.Fleet().End(t.Context(), r.RunnerID, r.Reason); err != nil {
				t.Fatal(err)
			}
		}
	}
}
