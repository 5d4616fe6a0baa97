package sweep_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

var (
	inProgress = lifecycletest.InProgress
	completed  = lifecycletest.Completed
	waiting    = lifecycletest.Waiting
)

const grace = time.Minute

func handler(w *world) sweep.Handler {
	return sweep.Handler{
		Fleet: w.Fleet(), Policy: w.Policy(), Records: w.Records, GitHub: w.GitHub, Executions: w.Executions,
		Platform: w.Tasks, Bus: w.Bus, NewID: w.NewID, Notices: w.Notices(), Reruns: w.Reruns(), Grace: grace,
		FailedEvents: w.FailedEvents, Dispatch: dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}.Handle,
		Definitions: w.Definitions, Images: w.Images,
	}
}

func run(w *world) (sweep.Repairs, error) { return handler(w).Run(context.Background()) }

// mustSweep sweeps once, and has dispatch handle what the sweep put on the bus.
func mustSweep(t *testing.T, w *world) sweep.Repairs {
	t.Helper()
	repairs, err := run(w)
	if err != nil {
		t.Fatal(err)
	}
	hear(t, w)
	return repairs
}

func hear(t *testing.T, w *world) {
	t.Helper()
	events := w.Bus.Events
	w.Bus.Events = nil
	for _, e := range events {
		if err := (dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}).Handle(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// queuedAgain has GitHub queue a job again whose runner has closed, and a sweep see it.
func queuedAgain(w *world) {
	job := w.Job(7)
	id := w.Busy(job)
	w.GitHub.Remove(id + ".1")
	task := w.Tasks.Ends(id, 0)
	w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
	closeRunner(w, id)
	w.GitHub.Set(job)
	w.Pass(time.Minute)
	if _, err := run(w); err != nil {
		panic(err)
	}
	w.Bus.Events = nil
	clear(w.Records.Repairs)
}

// known makes the record of a job without launching it.
func known(w *world, job fleet.Job) {
	was := w.MaxRunners
	w.MaxRunners = 0
	w.Launch(job)
	w.MaxRunners = was
	w.EditRun(fleet.RunID(job.JobID), func(r *fleet.Run) { r.WaitsForRoom = false })
}

func status(s fleet.RunStatus) func(*fleet.Run) { return func(r *fleet.Run) { r.Status = s } }

func started(w *world, job fleet.Job) fleet.Job {
	now := w.Now()
	job.StartedAt = &now
	return job
}

func ended(w *world, job fleet.Job) fleet.Job {
	now := w.Now()
	job.CompletedAt = &now
	return job
}

func closed(w *world) func(*fleet.Runner) {
	return func(r *fleet.Runner) { r.Phase = fleet.Closed; *r = r.Mark(fleet.StageClosed, w.Now()) }
}

func pause(w *world) {
	_, _ = w.Fleet().Pause(context.Background(), fleet.Operator{Reason: "an upgrade"}.Act(fleet.CommandPause, "p", w.Now()))
}

// closeRunner closes a runner's record while its task and registration stay.
func closeRunner(w *world, id string) {
	w.EditRunner(id, closed(w))
	w.Records.Miscount(0)
}

// lives is what a runner without a record has left.
func lives(w *world, runnerID string) {
	w.Tasks.Add("task-of-"+runnerID, runnerID)
	_, _, _ = w.GitHub.Register(context.Background(), lifecycletest.Repository, fleet.RunnerName(runnerID, 1), nil)
}

// takenBack closes a runner whose job GitHub has since given to another one.
func takenBack(w *world, id string) *lifecycletest.Runner {
	closeRunner(w, id)
	w.EditRun("job-7", func(r *fleet.Run) { *r = r.TakeBack(w.Now()).Move(fleet.RunRunning, "") })
	w.GitHub.Set(inProgress(w.Job(7), "theirs"))
	return w.GitHub.Runner(id + ".1")
}

type repairs = sweep.Repairs

// scene is a world before a sweep, one grace time later, and the expected repairs.
type scene struct {
	setup func(w *world)
	early bool // sweep within the grace time
	want  repairs
	check func(t *testing.T, w *world)
	again repairs // what the next sweep, at once, repairs
}

func play(t *testing.T, scenes map[string]scene) {
	for name, c := range scenes {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			c.setup(w)
			if !c.early {
				w.Pass(grace)
			}
			if got := mustSweep(t, w); !maps.Equal(got, c.want) {
				t.Errorf("repaired %v, want %v\n%s", got, c.want, w.State())
			}
			if !maps.Equal(sum(w.Records.Repairs), c.want) {
				t.Errorf("counted %v", w.Records.Repairs)
			}
			if c.check != nil {
				c.check(t, w)
			}
			goOn(t, w)
			if got := mustSweep(t, w); !maps.Equal(got, c.again) {
				t.Errorf("the next sweep repaired %v, want %v\n%s", got, c.again, w.State())
			}
		})
	}
}

// goOn has executions that were signalled take the token back.
func goOn(t *testing.T, w *world) {
	t.Helper()
	open, err := w.Records.OpenRunners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range open {
		if r.TaskToken != "" && !w.Executions.Open(r.RunnerID) {
			w.EditRunner(r.RunnerID, func(r *fleet.Runner) { *r = r.Forget() })
		}
	}
}

func sum(counts map[string]int) repairs {
	out := repairs{}
	for cause, n := range counts {
		out[sweep.Cause(cause)] = n
	}
	return out
}

func wantRun(id string, s fleet.RunStatus, runner string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if r := w.Run(id); r.Status != s || r.RunnerID != runner {
			t.Errorf("%s is %s and expects %q, want %s and %q", id, r.Status, r.RunnerID, s, runner)
		}
	}
}

func wantNoRun(id string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if strings.Contains(w.State(), "run "+id+":") {
			t.Errorf("%s has a record", id)
		}
	}
}

func wantStopped(arn string, stopped bool) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if w.Tasks.Asked(arn) != stopped {
			t.Errorf("%s asked to stop: %t", arn, !stopped)
		}
	}
}

func wantNames(n int) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if got := w.GitHub.Names(); len(got) != n {
			t.Errorf("registrations %q, want %d", got, n)
		}
	}
}

func TestJobsThatWait(t *testing.T) {
	play(t, map[string]scene{
		"nothing is there": {setup: func(*world) {}},
		"a job without a webhook is launched": {
			setup: func(w *world) { w.Job(7) }, want: repairs{sweep.QueuedLost: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"its webhook may still come": {setup: func(w *world) { w.Job(7) }, early: true, check: wantNoRun("job-7")},
		"an old server does not date it": {
			setup: func(w *world) { job := w.Job(7); job.CreatedAt = nil; w.GitHub.Set(job) }, early: true,
			want: repairs{sweep.QueuedLost: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a job with foreign labels":   {setup: func(w *world) { w.Job(7, "ubuntu-latest") }, check: wantNoRun("job-7")},
		"a job of another repository": {setup: func(w *world) { job := w.Job(7); job.Repository = "octo/other"; w.GitHub.Set(job) }, check: wantNoRun("job-7")},
		"a job that names a runner all the same is launched": {
			setup: func(w *world) { job := w.Job(7); job.RunnerName = "fleet-7-1.1"; w.GitHub.Set(job) }, want: repairs{sweep.QueuedLost: 1},
		},
		"its runner is on its way":           {setup: func(w *world) { w.Launch(w.Job(7)) }, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1")},
		"a run that waits for room":          {setup: func(w *world) { w.MaxRunners = 0; w.Launch(w.Job(7)) }, check: wantRun("job-7", fleet.RunQueued, "")},
		"a run without a runner is launched": {setup: func(w *world) { known(w, w.Job(7)) }, want: repairs{sweep.RunnerMissing: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1")},
		"it was heard of just now":           {setup: func(w *world) { job := w.Job(7); w.Pass(time.Hour); known(w, job) }, early: true, check: wantRun("job-7", fleet.RunQueued, "")},
		"a run that was displaced too often is launched here": {
			setup: func(w *world) {
				known(w, w.Job(7))
				w.EditRun("job-7", func(r *fleet.Run) { r.Displaced = fleet.MaxDisplaced + 1 })
			},
			want: repairs{sweep.RunnerMissing: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a run that was given up": {
			setup: func(w *world) { known(w, w.Job(7)); w.EditRun("job-7", status(fleet.RunFailed)) },
			want:  repairs{sweep.QueuedLost: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a run that was refused is left alone": {setup: func(w *world) { known(w, w.Job(7)); w.EditRun("job-7", status(fleet.RunRefused)) }, check: wantRun("job-7", fleet.RunRefused, "")},
		"GitHub is behind: the job runs":       {setup: func(w *world) { job := w.Job(7); w.Busy(job); w.GitHub.Set(job) }, check: wantRun("job-7", fleet.RunRunning, "fleet-7-1")},
		"GitHub is behind: it has ended":       {setup: func(w *world) { known(w, w.Job(7)); w.EditRun("job-7", status(fleet.RunCompleted)) }, check: wantRun("job-7", fleet.RunCompleted, "")},
		"GitHub is behind: it runs elsewhere":  {setup: func(w *world) { known(w, w.Job(7)); w.EditRun("job-7", status(fleet.RunRunning)) }, check: wantRun("job-7", fleet.RunRunning, "")},
		"GitHub says that it is queued again": {
			setup: func(w *world) { queuedAgain(w); w.Pass(4 * time.Minute) },
			want:  repairs{sweep.JobTakenBack: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-2"),
		},
		"GitHub says so for a minute": {setup: queuedAgain, check: wantRun("job-7", fleet.RunRunning, "fleet-7-1")},
		"an approval without a webhook": {
			setup: func(w *world) { known(w, w.Job(7)); w.EditRun("job-7", status(fleet.RunWaiting)) },
			want:  repairs{sweep.QueuedLost: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a job that waits for approval, and has no record": {setup: func(w *world) { w.GitHub.Set(waiting(w.Job(7))) }, check: wantNoRun("job-7")},
		"a job that waits for approval, without a webhook": {
			setup: func(w *world) { job := w.Job(7); w.Idle(job); w.GitHub.Set(waiting(job)) }, want: repairs{sweep.WaitingLost: 1},
			check: func(t *testing.T, w *world) {
				wantRun("job-7", fleet.RunWaiting, "")(t, w)
				wantStopped("task-1", true)(t, w)
			},
		},
		"a job that waits for approval, heard of a moment ago": {
			setup: func(w *world) { job := w.Job(7); w.Idle(job); w.GitHub.Set(waiting(job)) }, early: true,
			check: wantRun("job-7", fleet.RunWaitingForJob, "fleet-7-1"),
		},
		"a job that waits for approval, known": {setup: func(w *world) {
			known(w, w.Job(7))
			w.GitHub.Set(waiting(w.Job(7)))
			w.EditRun("job-7", status(fleet.RunWaiting))
		}},
	})
}

func TestJobsThatRunOrRan(t *testing.T) {
	onOurs := func(w *world) fleet.Job {
		job := w.Job(7)
		w.Idle(job)
		job = inProgress(started(w, job), "fleet-7-1.1")
		w.GitHub.Set(job)
		w.GitHub.Runner("fleet-7-1.1").Working = true
		return job
	}
	is := func(s fleet.RunStatus, ranOn string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			if r := w.Run("job-7"); r.Status != s || r.RanOn != ranOn {
				t.Errorf("it is %s on %q, want %s on %q", r.Status, r.RanOn, s, ranOn)
			}
			wantStopped("task-1", false)(t, w)
		}
	}
	play(t, map[string]scene{
		"it runs on ours, without a webhook":      {setup: func(w *world) { onOurs(w) }, want: repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, "fleet-7-1")},
		"its webhook may still come":              {setup: func(w *world) { onOurs(w) }, early: true, check: is(fleet.RunWaitingForJob, "")},
		"it runs on ours, known":                  {setup: func(w *world) { w.Busy(w.Job(7)) }, check: is(fleet.RunRunning, "fleet-7-1")},
		"it runs on a foreign runner":             {setup: func(w *world) { known(w, w.Job(7)); w.GitHub.Set(inProgress(w.Job(7), "theirs")) }, want: repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, "")},
		"it runs on those of a fleet named alike": {setup: func(w *world) { known(w, w.Job(7)); w.GitHub.Set(inProgress(w.Job(7), "fleet-1-7-1.1")) }, want: repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, "")},
		"an unknown job on a foreign runner":      {setup: func(w *world) { w.GitHub.Set(inProgress(w.Job(7), "theirs")) }, check: wantNoRun("job-7")},
		"an unheard-of job runs on our runner": {
			setup: func(w *world) {
				id := w.Idle(w.Job(1))
				w.GitHub.Set(inProgress(w.Job(7, "ubuntu-latest"), fleet.RunnerName(id, 1)))
			},
			want: repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, "fleet-1-1"),
		},
		"an unheard-of job ran on our runner": {
			setup: func(w *world) {
				id := w.Idle(w.Job(1))
				w.GitHub.Set(completed(inProgress(w.Job(7), fleet.RunnerName(id, 1)), "failure"))
			},
			want: repairs{sweep.CompletedLost: 1}, check: is(fleet.RunCompleted, "fleet-1-1"),
		},
		"it runs on a runner of ours that has no record": {
			setup: func(w *world) { known(w, w.Job(7)); w.GitHub.Set(inProgress(w.Job(7), "fleet-9-1.1")) },
			want:  repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, ""),
		},
		"GitHub runs after all what we gave up": {
			setup: func(w *world) { onOurs(w); w.EditRun("job-7", status(fleet.RunFailed)) },
			want:  repairs{sweep.InProgressLost: 1}, check: is(fleet.RunRunning, "fleet-7-1"),
		},
		"a foreign runner runs what we gave up": {
			setup: func(w *world) {
				known(w, w.Job(7))
				w.GitHub.Set(inProgress(w.Job(7), "theirs"))
				w.EditRun("job-7", status(fleet.RunFailed))
			},
			check: is(fleet.RunFailed, ""),
		},
		"what we gave up has ended on GitHub": {
			setup: func(w *world) {
				known(w, w.Job(7))
				w.GitHub.Set(completed(w.Job(7), "success"))
				w.EditRun("job-7", status(fleet.RunFailed))
			},
			want: repairs{sweep.CompletedLost: 1}, check: is(fleet.RunCompleted, ""),
		},
		"it has ended, without a webhook": {
			setup: func(w *world) { w.GitHub.Set(completed(onOurs(w), "success")) }, want: repairs{sweep.CompletedLost: 1},
			check: is(fleet.RunCompleted, "fleet-7-1"),
		},
		"it has ended just now": {
			setup: func(w *world) { job := completed(onOurs(w), "success"); w.Pass(grace); w.GitHub.Set(ended(w, job)) }, early: true,
			check: is(fleet.RunWaitingForJob, ""),
		},
		"it has ended, known": {
			setup: func(w *world) {
				w.Busy(w.Job(7))
				job := completed(w.GitHub.Has(7), "success")
				w.GitHub.Set(job)
				_ = w.Fleet().Completed(context.Background(), job)
			},
			check: is(fleet.RunCompleted, "fleet-7-1"),
		},
		"it was skipped, and is unknown": {setup: func(w *world) { w.GitHub.Set(completed(w.Job(7), "skipped")) }, check: wantNoRun("job-7")},
		"it was cancelled before it ran, and its idle runner goes": {
			setup: func(w *world) { w.Idle(w.Job(7)); w.GitHub.Set(completed(w.Job(7), "cancelled")) }, want: repairs{sweep.CompletedLost: 1},
			check: func(t *testing.T, w *world) {
				wantRun("job-7", fleet.RunCancelled, "")
				wantStopped("task-1", true)(t, w)
				wantNames(0)(t, w)
			},
		},
	})
}

// A workflow run that has ended is not listed: GitHub is asked for the jobs one by one.
func TestOpenRunsThatAreNotListed(t *testing.T) {
	setup := func(change func(w *world, job fleet.Job)) func(*world) {
		return func(w *world) {
			job := w.Job(7)
			known(w, job)
			w.GitHub.Unlisted[7] = true
			change(w, job)
		}
	}
	play(t, map[string]scene{
		"it has ended":                {setup: setup(func(w *world, job fleet.Job) { w.GitHub.Set(completed(job, "success")) }), want: repairs{sweep.CompletedLost: 1}, check: wantRun("job-7", fleet.RunCompleted, "")},
		"it has ended just now":       {setup: setup(func(w *world, job fleet.Job) { w.Pass(grace); w.GitHub.Set(ended(w, completed(job, "success"))) }), early: true, check: wantRun("job-7", fleet.RunQueued, "")},
		"it runs on a foreign runner": {setup: setup(func(w *world, job fleet.Job) { w.GitHub.Set(inProgress(job, "theirs")) }), want: repairs{sweep.InProgressLost: 1}, check: wantRun("job-7", fleet.RunRunning, "")},
		"it runs on ours": {
			setup: func(w *world) {
				job := w.Job(7)
				id := w.Idle(job)
				w.GitHub.Unlisted[7] = true
				w.GitHub.Set(inProgress(job, id+".1"))
			},
			want: repairs{sweep.InProgressLost: 1}, check: wantRun("job-7", fleet.RunRunning, "fleet-7-1"),
		},
		"it is queued":                                {setup: setup(func(*world, fleet.Job) {}), want: repairs{sweep.RunnerMissing: 1}, check: wantRun("job-7", fleet.RunStarting, "fleet-7-1")},
		"it is known of a moment only":                {setup: setup(func(w *world, job fleet.Job) { w.GitHub.Set(completed(job, "success")) }), early: true, check: wantRun("job-7", fleet.RunQueued, "")},
		"GitHub does not know it, for the first time": {setup: setup(func(w *world, _ fleet.Job) { w.GitHub.Gone(7); w.Pass(48 * time.Hour) }), check: wantRun("job-7", fleet.RunQueued, "")},
		"GitHub does not know it, for now":            {setup: setup(unknown(35 * time.Hour)), check: wantRun("job-7", fleet.RunQueued, "")},
		"GitHub does not know it, for long":           {setup: setup(unknown(36 * time.Hour)), want: repairs{sweep.JobGone: 1}, check: wantRun("job-7", fleet.RunGone, "")},
		"an approval: what only webhooks tell is kept": {
			setup: setup(func(w *world, job fleet.Job) {
				w.EditRun("job-7", func(r *fleet.Run) { r.Status, r.Job.HookID, r.Job.InstallationID = fleet.RunWaiting, 5, 6 })
				job.Private = false // GitHub's API does not contain it
				w.GitHub.Set(job)
			}),
			want: repairs{sweep.QueuedLost: 1},
			check: func(t *testing.T, w *world) {
				if job := w.Run("job-7").Job; !job.Private || job.HookID != 5 || job.InstallationID != 6 {
					t.Errorf("the run's job is %+v", job)
				}
			},
		},
	})
}

func TestRunners(t *testing.T) {
	play(t, map[string]scene{
		"an execution that was never started": {
			setup: func(w *world) { w.Executions.Forget(w.Launch(w.Job(7))) }, want: repairs{sweep.ExecutionMissing: 1},
			check: func(t *testing.T, w *world) {
				if w.Executions.Input("fleet-7-1") == "" {
					t.Error("it is not started")
				}
			},
		},
		"an execution that may be starting": {setup: func(w *world) { w.Executions.Forget(w.Launch(w.Job(7))) }, early: true},
		"an execution that has ended: the run is tried again": {
			setup: func(w *world) { w.Executions.End(w.Idle(w.Job(7))) }, want: repairs{sweep.ExecutionEnded: 1},
			check: func(t *testing.T, w *world) {
				wantRun("job-7", fleet.RunQueued, "")(t, w)
				wantStopped("task-1", true)(t, w)
				wantNames(0)(t, w)
			},
		},
		"an execution that has ended while its runner has a job": {
			setup: func(w *world) { w.Executions.End(w.Busy(w.Job(7))) }, want: repairs{sweep.ExecutionEnded: 1},
			check: func(t *testing.T, w *world) {
				wantRun("job-7", fleet.RunRunning, "fleet-7-1")(t, w)
				wantStopped("task-1", false)(t, w)
				wantNames(1)(t, w)
			},
		},
		"an execution that has ended while its runner has a job without a webhook": {
			setup: func(w *world) {
				id := w.Idle(w.Job(7))
				w.GitHub.Runner(id + ".1").Working = true
				w.GitHub.Runner(id + ".1").Online = false // GitHub's answer is wrong
				w.Executions.End(id)
			},
			want: repairs{sweep.ExecutionEnded: 1},
			check: func(t *testing.T, w *world) {
				wantStopped("task-1", false)(t, w)
				wantNames(1)(t, w)
			},
		},
		"an ending that was cut short": {
			setup: func(w *world) {
				w.Idle(w.Job(7))
				w.EditRunner("fleet-7-1", func(r *fleet.Runner) { *r, _ = r.BeginEnd("because", w.Now()) })
			},
			want: repairs{sweep.EndingUnfinished: 1},
			check: func(t *testing.T, w *world) {
				wantStopped("task-1", true)(t, w)
				wantNames(0)(t, w)
			},
		},
		"an ending that goes on": {
			setup: func(w *world) { _, _ = w.Fleet().End(context.Background(), w.Idle(w.Job(7)), "because") },
		},
		"an ending that was cut short, and the runner has a job: open again": {
			setup: func(w *world) {
				id := w.Idle(w.Job(7))
				w.GitHub.Runner(id + ".1").Working = true
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("because", w.Now()) })
			},
			want: repairs{sweep.EndingUnfinished: 1}, again: repairs{sweep.RunnerMissing: 1}, // GitHub says that the job waits
			check: func(t *testing.T, w *world) {
				if w.Runner("fleet-7-1").Phase != fleet.Open || w.Tasks.Asked("task-1") {
					t.Errorf("a runner with a job was ended:\n%s", w.State())
				}
			},
		},
		"a stop that was recorded and never signalled": {
			setup: func(w *world) {
				id := w.Busy(w.Job(7))
				task := w.Tasks.Ends(id, 0)
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.ApplyTask(task, w.Now()) })
			},
			want: repairs{sweep.SignalLost: 1},
			check: func(t *testing.T, w *world) {
				if w.Executions.Open("fleet-7-1") {
					t.Error("the execution still waits")
				}
			},
		},
		"a job that was recorded and never signalled": {
			setup: func(w *world) {
				id := w.Idle(w.Job(7))
				job := inProgress(w.Job(7), id+".1")
				w.GitHub.Set(job)
				token := w.Executions.Token(id)
				_ = w.Fleet().Took(context.Background(), job, id, w.Now()) // signals an old token
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken = token })
			},
			want: repairs{sweep.SignalLost: 1},
			check: func(t *testing.T, w *world) {
				if w.Executions.Open("fleet-7-1") {
					t.Error("the execution still waits")
				}
			},
		},
		"a job that was taken while its runner was being ended": {
			setup: func(w *world) {
				id := w.Idle(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("idle", w.Now()) })
				w.GitHub.Runner(id + ".1").Working = true
				w.GitHub.Set(inProgress(w.Job(7), id+".1"))
				_ = w.Fleet().Took(context.Background(), w.GitHub.Has(7), id, w.Now())
				token := w.Executions.Token(id)
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForStopped })
			},
			check: func(t *testing.T, w *world) {
				if r := w.Runner("fleet-7-1"); r.Phase != fleet.Open {
					t.Errorf("it is %s", r.Phase)
				}
			},
		},
		"the end of a runner that has nothing to end": {
			setup: func(w *world) {
				id := w.Launch(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { *r, _ = r.BeginEnd("cancelled", w.Now()) })
			},
		},
		"a wrong count is mended": {setup: func(w *world) { w.Launch(w.Job(7)); w.Records.Miscount(5) }, want: repairs{sweep.Miscounted: 1}},
		"a paused fleet launches nothing and stays paused": {
			setup: func(w *world) {
				pause(w)
				w.Launch(w.Job(7))
				w.Records.Miscount(5)
			},
			want: repairs{sweep.Miscounted: 1},
			check: func(t *testing.T, w *world) {
				run := w.Run("job-7")
				if run.RunnerID != "" || run.Reason != "the fleet is paused: an upgrade" {
					t.Errorf("%+v", run)
				}
			},
		},
		"a job of a paused fleet, without a webhook": {
			setup: func(w *world) { pause(w); w.Job(7) }, want: repairs{sweep.QueuedLost: 1},
			check: wantRun("job-7", fleet.RunQueued, ""),
		},
		"an execution of a paused fleet that was never started": {
			setup: func(w *world) { w.Executions.Forget(w.Launch(w.Job(7))); pause(w) }, want: repairs{sweep.ExecutionMissing: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
		"a wrong count keeps a run waiting": {
			setup: func(w *world) { w.MaxRunners = 1; w.Records.Miscount(1); w.Launch(w.Job(7)) }, want: repairs{sweep.Miscounted: 1},
			check: wantRun("job-7", fleet.RunStarting, "fleet-7-1"),
		},
	})
}

func TestTasks(t *testing.T) {
	play(t, map[string]scene{
		"a stop without an event": {
			setup: func(w *world) { w.Tasks.Ends(w.Busy(w.Job(7)), 0) }, want: repairs{sweep.TaskEventLost: 1},
			check: func(t *testing.T, w *world) {
				if r := w.Runner("fleet-7-1"); !r.Stopped() || r.ExitCode == nil || w.Executions.Open("fleet-7-1") {
					t.Errorf("the stop is not known:\n%s", w.State())
				}
			},
		},
		"a stop a moment ago":                              {setup: func(w *world) { id := w.Busy(w.Job(7)); w.Pass(grace); w.Tasks.Ends(id, 0) }, early: true},
		"a task that the platform may not know yet":        {setup: func(w *world) { w.Busy(w.Job(7)); w.Tasks.Forget("task-1") }},
		"a task that the platform lists and does not know": {setup: func(w *world) { w.Busy(w.Job(7)); w.Tasks.Undescribed("task-1"); w.Pass(time.Hour) }},
		"a task that the platform does not know": {
			setup: func(w *world) { w.Busy(w.Job(7)); w.Tasks.Forget("task-1"); w.Pass(grace) }, want: repairs{sweep.TaskEventLost: 1},
			check: func(t *testing.T, w *world) {
				if !w.Runner("fleet-7-1").Stopped() {
					t.Error("it is not taken to have stopped")
				}
			},
		},
		"a task of a closed runner": {setup: func(w *world) {
			closeRunner(w, w.Up(w.Job(7)))
			w.EditRun("job-7", status(fleet.RunCancelled))
			w.GitHub.Set(completed(w.Job(7), "cancelled"))
		}, want: repairs{sweep.TaskOfClosedRunner: 1}, check: wantStopped("task-1", true)},
		"a task of a closed runner, a moment ago": {setup: func(w *world) { closeRunner(w, w.Up(w.Job(7))); w.EditRun("job-7", status(fleet.RunCancelled)) }, early: true, check: wantStopped("task-1", false)},
		"an idle task of a closed runner loses its registration first": {
			setup: func(w *world) { closeRunner(w, w.Idle(w.Job(7))); w.EditRun("job-7", status(fleet.RunCancelled)) },
			want:  repairs{sweep.TaskOfClosedRunner: 1},
			check: func(t *testing.T, w *world) { wantStopped("task-1", true)(t, w); wantNames(0)(t, w) },
		},
		"a task of a closed runner with a job that has not ended": {setup: func(w *world) { closeRunner(w, w.Busy(w.Job(7))) }, check: wantStopped("task-1", false)},
		"a task of a closed runner with a job without a webhook": {
			setup: func(w *world) {
				id := w.Idle(w.Job(7))
				w.GitHub.Runner(id + ".1").Working = true
				w.EditRun("job-7", status(fleet.RunCancelled))
				closeRunner(w, id)
			},
			check: func(t *testing.T, w *world) { wantStopped("task-1", false)(t, w); wantNames(1)(t, w) },
		},
		"a task of a closed runner whose job GitHub took back and queued again": {
			setup: func(w *world) { takenBack(w, w.Busy(w.Job(7))).Working = false },
			want:  repairs{sweep.TaskOfClosedRunner: 1}, check: wantStopped("task-1", true),
		},
		"a task of a closed runner that works on though GitHub took its job back": {
			setup: func(w *world) { takenBack(w, w.Busy(w.Job(7))).Working = true }, check: wantStopped("task-1", false),
		},
		"a task of a closed runner that works on though GitHub says that its job has ended": {
			setup: func(w *world) { closeRunner(w, w.Busy(w.Job(7))); w.EditRun("job-7", status(fleet.RunCompleted)) },
			check: wantStopped("task-1", false),
		},
		"a task of a closed runner that must have ended long ago": {
			setup: func(w *world) { closeRunner(w, w.Busy(w.Job(7))); w.Pass(7 * time.Hour) }, want: repairs{sweep.TaskOfClosedRunner: 1},
			check: wantStopped("task-1", true),
		},
		"a second task before a claim":                           {setup: func(w *world) { w.Tasks.Add("other", w.Up(w.Job(7))) }, want: repairs{sweep.TaskOfClosedRunner: 1}, check: func(t *testing.T, w *world) { wantStopped("other", true)(t, w); wantStopped("task-1", false)(t, w) }},
		"a second task may have claimed":                         {setup: func(w *world) { w.Tasks.Add("other", w.Idle(w.Job(7))) }, check: wantStopped("other", false)},
		"a task that its open runner's record does not have yet": {setup: func(w *world) { w.Tasks.Add("other", w.Launch(w.Job(7))); w.Pass(grace) }, check: wantStopped("other", false)},
		"a task without a record":                                {setup: func(w *world) { w.Tasks.Add("other", "fleet-9-1") }, want: repairs{sweep.TaskOfClosedRunner: 1}, check: wantStopped("other", true)},
		"a task without a record whose runner is online": {
			setup: func(w *world) { lives(w, "fleet-9-1"); w.GitHub.Runner("fleet-9-1.1").Online = true },
			check: wantStopped("task-of-fleet-9-1", false),
		},
		"a task of a fleet named alike": {setup: func(w *world) { w.Tasks.Add("other", "fleet-1-9-1") }, check: wantStopped("other", false)},
		"a task of no runner":           {setup: func(w *world) { w.Tasks.Add("other", ""); w.Tasks.Add("more", "fleet-x-1") }, check: wantStopped("other", false)},
	})
}

func TestRegistrations(t *testing.T) {
	has := func(names ...string) func(*world) {
		return func(w *world) {
			for _, name := range names {
				_, _, _ = w.GitHub.Register(context.Background(), lifecycletest.Repository, name, nil)
			}
		}
	}
	ofClosed := func(w *world) *lifecycletest.Runner {
		id := w.Idle(w.Job(7))
		w.EditRun("job-7", status(fleet.RunCancelled))
		w.Tasks.Ends(id, 0)
		closeRunner(w, id)
		return w.GitHub.Runner(id + ".1")
	}
	ofBusy := func(w *world) *lifecycletest.Runner {
		closeRunner(w, w.Busy(w.Job(7)))
		return w.GitHub.Runner("fleet-7-1.1")
	}
	play(t, map[string]scene{
		"an offline one of a closed runner": {setup: func(w *world) { ofClosed(w).Online = false }, want: repairs{sweep.RegistrationLeft: 1}, check: wantNames(0)},
		"it was closed a moment ago":        {setup: func(w *world) { ofClosed(w).Online = false }, early: true, check: wantNames(1)},
		"an online one":                     {setup: func(w *world) { ofClosed(w) }, check: wantNames(1)},
		"a busy one":                        {setup: func(w *world) { r := ofClosed(w); r.Online, r.Busy = false, true }, check: wantNames(1)},
		"GitHub says offline, and it works": {setup: func(w *world) { r := ofClosed(w); r.Online, r.Working = false, true }, check: wantNames(1)},
		"its runner's job has not ended":    {setup: func(w *world) { r := ofBusy(w); r.Online, r.Working = false, false }, check: wantNames(1)},
		"its runner's task has stopped in its job": {
			setup: func(w *world) {
				r := ofBusy(w)
				r.Online, r.Working = false, false
				w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped })
			},
			want: repairs{sweep.RegistrationLeft: 1}, check: wantNames(0),
		},
		"one of an open runner":                {setup: func(w *world) { w.Idle(w.Job(7)); w.GitHub.Runner("fleet-7-1.1").Online = false }, check: wantNames(1)},
		"one that the claim has not noted yet": {setup: func(w *world) { has(w.Up(w.Job(7)) + ".1")(w) }, check: wantNames(1)},
		"one of a runner that is ending": {
			setup: func(w *world) {
				w.Launch(w.Job(7))
				has("fleet-7-1.1")(w)
				w.EditRunner("fleet-7-1", func(r *fleet.Runner) {
					r.Phase = fleet.Closing
					*r = r.Mark(fleet.StageClosing, w.Now().Add(time.Hour))
				})
			},
			check: wantNames(1),
		},
		"one without a record": {setup: has("fleet-9-1.1"), want: repairs{sweep.RegistrationLeft: 1}, check: wantNames(0)},
		"those of others":      {setup: has("fleet-1-9-1.1", "fleet-9.1", "other-9-1.1", "fleet", "my-fleet-9-1.1", "fleet-09-1.1"), check: wantNames(6)},
	})
}

// unknown makes GitHub not know the job of the run for a time.
func unknown(since time.Duration) func(*world, fleet.Job) {
	return func(w *world, job fleet.Job) {
		w.GitHub.Gone(job.JobID)
		w.EditRun(fleet.RunID(job.JobID), func(r *fleet.Run) { r.UnknownSince = w.Now().Add(-since) })
	}
}
