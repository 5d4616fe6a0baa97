package lifecycle_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func TestLaunch(t *testing.T) {
	cases := map[string]struct {
		setup  func(w *world)
		runner string
		starts int // calls, the setup's included
		status fleet.RunStatus
	}{
		"a wanted run":                {setup: func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", forget) }, runner: "fleet-7-2", starts: 2, status: fleet.RunStarting},
		"its runner is open":          {setup: func(w *world) { w.Launch(w.Job(7)) }, runner: "fleet-7-1", starts: 2, status: fleet.RunStarting},
		"a run that has ended":        {setup: func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", status(fleet.RunCancelled)) }, starts: 1, status: fleet.RunCancelled},
		"a run that waits for GitHub": {setup: func(w *world) { w.Launch(w.Job(7)); w.EditRun("job-7", status(fleet.RunWaiting)) }, starts: 1, status: fleet.RunWaiting},
		"a run that runs":             {setup: func(w *world) { w.Busy(w.Job(7)) }, starts: 1, status: fleet.RunRunning},
		"its next try is to come": {
			setup: func(w *world) {
				w.Launch(w.Job(7))
				w.EditRun("job-7", forget)
				w.EditRun("job-7", status(fleet.RunQueued))
				w.EditRun("job-7", func(r *fleet.Run) { r.Setback = &fleet.Setback{NextTry: w.Now().Add(time.Second)} })
			},
			starts: 1, status: fleet.RunQueued,
		},
		"no room": {setup: func(w *world) { w.MaxRunners = 0; w.Launch(w.Job(7)) }, status: fleet.RunQueued},
		"the record changes meanwhile": {
			setup: func(w *world) {
				w.Launch(w.Job(7))
				w.EditRun("job-7", forget)
				w.After("Records.Capacity", func() { w.EditRun("job-7", status(fleet.RunCancelled)) })
			},
			starts: 1, status: fleet.RunCancelled,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.setup(w)
			got, err := w.Fleet().Launch(t.Context(), "job-7")
			if err != nil || got != c.runner {
				t.Errorf("launched %q, %v; want %q", got, err, c.runner)
			}
			if len(w.Executions.Starts) != c.starts || w.Run("job-7").Status != c.status {
				t.Errorf("started %q; the run is %s", w.Executions.Starts, w.Run("job-7").Status)
			}
		})
	}
	t.Run("an unknown run", func(t *testing.T) {
		if _, err := lifecycletest.New(t).Fleet().Launch(t.Context(), "job-9"); err == nil || err.Error() != "run job-9 has no record" {
			t.Errorf("%v", err)
		}
	})
}

func forget(r *fleet.Run) { r.RunnerID = "" }

func status(s fleet.RunStatus) func(*fleet.Run) { return func(r *fleet.Run) { r.Status = s } }

func TestTheExecutionsInput(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	var doc fleet.Document
	if err := json.Unmarshal([]byte(w.Executions.Input(id)), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.RunID != "job-7" || doc.Job.JobID != 7 || doc.Schema != fleet.Schema {
		t.Errorf("document %+v", doc)
	}
}

func TestLaunchWaiting(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.MaxRunners = 0
		for id := int64(1); id <= 4; id++ {
			w.Launch(w.Job(id))
			w.Pass(time.Second)
		}
		w.MaxRunners = 2
		return w
	}
	w := setup(t)
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.Executions.Starts, []string{"fleet-1-1", "fleet-2-1"}) {
		t.Errorf("started %q: the oldest come first", w.Executions.Starts)
	}
	for id, waits := range map[string]bool{"job-1": false, "job-2": false, "job-3": true, "job-4": true} {
		if w.Run(id).WaitsForRoom != waits {
			t.Errorf("%s waits for room: %t", id, !waits)
		}
	}
	lifecycletest.KillEverywhere(t, setup, func(w *world) error { return w.Fleet().LaunchWaiting(context.Background()) }, nil)
}

// A run in the queue that needs no room must not be in the way.
func TestARunWithoutNeedOfRoomIsNotInTheWay(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 0
	first := w.Job(1)
	w.Launch(first)
	w.Pass(time.Second)
	w.Launch(w.Job(2))
	if _, err := w.Fleet().LearnJob(t.Context(), lifecycletest.InProgress(first, "theirs")); err != nil {
		t.Fatal(err)
	}
	w.MaxRunners = 1
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil || w.Run("job-2").RunnerID == "" {
		t.Errorf("%v; the run that waits expects %q", err, w.Run("job-2").RunnerID)
	}
}

func TestAnEndedRunLeavesTheQueue(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 0
	w.Launch(w.Job(1))
	w.Pass(time.Second)
	w.Launch(w.Job(2))
	w.EditRun("job-1", status(fleet.RunFailed)) // it was left in the queue
	w.MaxRunners = 1
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil || w.Run("job-1").WaitsForRoom || w.Run("job-2").RunnerID == "" {
		t.Errorf("%v\n%s", err, w.State())
	}
}

// It has no runner, so none is read: an empty id is not a key.
func TestCompletedOfAnUnknownJob(t *testing.T) {
	w := lifecycletest.New(t)
	reads := w.Records.Reads
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.Job(7), "skipped")); err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-7"); run.Status != fleet.RunCompleted || run.Conclusion != "skipped" || w.Records.Reads != reads+1 {
		t.Errorf("the run is %s after %d reads", run.Status, w.Records.Reads-reads)
	}
}

func TestEnd(t *testing.T) {
	cases := map[string]struct {
		setup   func(w *world) string
		want    lifecycle.Ended
		phase   fleet.Phase
		asked   bool
		expects string // the run's runner afterwards
		names   int    // left on GitHub
		signal  string
	}{
		"idle":          {setup: func(w *world) string { return w.Idle(w.Job(7)) }, want: lifecycle.EndDone, phase: fleet.Closing, asked: true, expects: "fleet-7-1"},
		"before a task": {setup: func(w *world) string { return w.Launch(w.Job(7)) }, want: lifecycle.EndDone, phase: fleet.Closing, expects: "fleet-7-1"},
		"has a job":     {setup: func(w *world) string { return w.Busy(w.Job(7)) }, want: lifecycle.EndBusy, phase: fleet.Open, expects: "fleet-7-1", names: 1},
		"GitHub says that it is busy: open again, and no run expects it": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.GitHub.Runner(id + ".1").Working = true
				return id
			},
			want: lifecycle.EndBusy, phase: fleet.Open, names: 1,
		},
		"its run is not wanted: no run expects it": {
			setup: func(w *world) string { id := w.Idle(w.Job(7)); w.EditRun("job-7", status(fleet.RunWaiting)); return id },
			want:  lifecycle.EndDone, phase: fleet.Closing, asked: true,
		},
		"closed": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closed })
				return id
			},
			want: lifecycle.EndDone, phase: fleet.Closed, expects: "fleet-7-1",
		},
		"its task has stopped": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped })
				return id
			},
			want: lifecycle.EndDone, phase: fleet.Closing, expects: "fleet-7-1", signal: "fleet-7-1 failed Runner.NotWanted: because",
		},
		"the registration is gone already": {
			setup: func(w *world) string { id := w.Idle(w.Job(7)); w.GitHub.Remove(id + ".1"); return id },
			want:  lifecycle.EndDone, phase: fleet.Closing, asked: true, expects: "fleet-7-1",
		},
		"several registrations": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				_, _, _ = w.GitHub.Register(t.Context(), lifecycletest.Repository, id+".3", nil)
				w.EditRunner(id, func(r *fleet.Runner) { r.Claims, r.RegistrationID = 3, 0 })
				return id
			},
			want: lifecycle.EndDone, phase: fleet.Closing, asked: true, expects: "fleet-7-1",
		},
	}
	for name, c := range cases {
		setup := func(t *testing.T) *world { w := lifecycletest.New(t); c.setup(w); return w }
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			w.Executions.Signals = nil
			got, err := w.Fleet().End(t.Context(), "fleet-7-1", "because")
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			r := w.Runner("fleet-7-1")
			if r.Phase != c.phase || w.Tasks.Asked(r.TaskARN) != c.asked || len(w.GitHub.Names()) != c.names || w.Run("job-7").RunnerID != c.expects {
				t.Errorf("the end:\n%s", w.State())
			}
			if strings.Join(w.Executions.Signals, "") != c.signal {
				t.Errorf("signals %q", w.Executions.Signals)
			}
		})
		t.Run(name+", killed", func(t *testing.T) {
			lifecycletest.KillEverywhere(t, setup, func(w *world) error {
				_, err := w.Fleet().End(context.Background(), "fleet-7-1", "because")
				return err
			}, nil)
		})
	}
}

// Only GitHub can say that a runner is not busy: without GitHub the task is not stopped.
func TestWithoutGitHubNoTaskIsStopped(t *testing.T) {
	for _, method := range []string{"Registration", "Delete"} {
		w := lifecycletest.New(t)
		id := w.Idle(w.Job(7))
		w.EditRunner(id, func(r *fleet.Runner) { r.RegistrationID = 0 }) // its answer was lost: looked up by name
		w.GitHub.Fails[method] = fleet.Errorf(fleet.GitHubUnavailable, "down")
		if _, err := w.Fleet().End(t.Context(), id, "because"); fleet.ErrorName(err) != fleet.GitHubUnavailable || w.Tasks.Asked(w.Runner(id).TaskARN) {
			t.Errorf("%s: %v\n%s", method, err, w.State())
		}
	}
}

func TestTheClaimComesWhileARunnerIsEnded(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.After("Records.Runner", func() { w.EditRunner(id, func(r *fleet.Runner) { r.Took = 7 }) })
	if got, err := w.Fleet().End(t.Context(), id, "because"); err != nil || got != lifecycle.EndBusy {
		t.Errorf("%q, %v", got, err)
	}
	if w.Tasks.Asked(w.Runner(id).TaskARN) || len(w.GitHub.Names()) != 1 {
		t.Errorf("a runner with a job was ended:\n%s", w.State())
	}
}

func TestOneTransactionThatMeetsAConflict(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	reads := 0
	_, written, err := w.Fleet().ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		if reads++; reads == 1 {
			w.EditRunner(id, func(r *fleet.Runner) { r.Reason = "theirs" })
		}
		r.Rung++
		return r, true
	})
	if r := w.Runner(id); err != nil || !written || reads != 2 || r.Rung != 1 || r.Reason != "theirs" {
		t.Errorf("%v after %d reads: rung %d, reason %q", err, reads, r.Rung, r.Reason)
	}
}

func TestAnEndlessConflictEnds(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	_, _, err := w.Fleet().ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		w.EditRunner(id, func(*fleet.Runner) {})
		return r, true
	})
	if fleet.ErrorName(err) != fleet.RecordsConflict {
		t.Errorf("%v", err)
	}
}

// A caller that stores a token checks whether what it waits for has happened; a caller
// that writes a fact looks for a token. In either order the token is signalled.
func TestTokenAndFactInEitherOrder(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		w.Idle(w.Job(7))
		return w
	}
	took := func(w *world) error {
		return w.Fleet().Took(context.Background(), lifecycletest.InProgress(w.GitHub.Has(7), "fleet-7-1.1"), "fleet-7-1", w.Now())
	}
	store := func(w *world) error {
		_, err := w.Fleet().StoreToken(context.Background(), "fleet-7-1", w.Executions.Token("fleet-7-1"), fleet.WaitForJob, fleet.RunnerStarting)
		return err
	}
	for name, order := range map[string][2]func(*world) error{"the token first": {store, took}, "the fact first": {took, store}} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			for _, do := range order {
				if err := do(w); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Contains(w.Executions.Signals, `fleet-7-1 succeeded {"outcome":"took","seconds":1800}`) || w.Executions.Open("fleet-7-1") {
				t.Errorf("signals %q", w.Executions.Signals)
			}
			if w.Runner("fleet-7-1").Status != fleet.RunnerRunning {
				t.Errorf("the runner is %s", w.Runner("fleet-7-1").Status)
			}
		})
	}
}

// While a failed runner is being ended its run still expects it, so that no other runner
// is launched before the failure is counted.
func TestOneOpenRunnerAtATime(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Idle(job)
	if _, err := w.Fleet().End(t.Context(), id, "idle"); err != nil {
		t.Fatal(err)
	}
	if err := w.Fleet().Queued(t.Context(), job, w.Policy().Wants(job), w.Now()); err != nil {
		t.Fatal(err)
	}
	if w.Run("job-7").Launched != 1 {
		t.Errorf("launched %d", w.Run("job-7").Launched)
	}
	if _, next, err := w.Fleet().Finish(t.Context(), id, nil, fleet.RunnerIdleTimeout, "idle"); err != nil || next != "" || w.Run("job-7").Fruitless != 1 {
		t.Errorf("%q, %v; %d fruitless", next, err, w.Run("job-7").Fruitless)
	}
}

// A job that comes when a place has just become free does not overtake a job that has
// waited for it.
func TestNoJobOvertakesAWaitingOne(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1
	first := w.Idle(w.Job(1))
	w.Launch(w.Job(2)) // waits
	if _, err := w.Fleet().Close(t.Context(), first, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	w.Launch(w.Job(3))
	if w.Run("job-3").Launched != 0 || !w.Run("job-3").WaitsForRoom {
		t.Errorf("job 3 took the place of job 2:\n%s", w.State())
	}
	if err := w.Fleet().LaunchWaiting(t.Context()); err != nil || w.Run("job-2").Launched != 1 {
		t.Errorf("job 2 was not launched (%v):\n%s", err, w.State())
	}
}
