package inspectrunner_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func run(t *testing.T, w *world, id string) (fleet.Wait, error) {
	w.Executions.TimeOut(id) // the reason for the inspection
	step := inspectrunner.Step{Fleet: w.Fleet(), Budgets: w.GitHub, Platform: w.Tasks}
	return step.Run(t.Context(), fleet.Call{RunnerID: id, State: "InspectRunner", Document: fleet.Document{Job: w.GitHub.Has(7)}})
}

const down = "github is down"

func TestRun(t *testing.T) {
	unavailable := fleet.Errorf(fleet.GitHubUnavailable, down)
	cases := map[string]struct {
		setup  func(w *world) string
		want   fleet.Wait // without its cause
		cause  string
		asked  bool // the task was asked to stop
		phase  fleet.Phase
		status fleet.RunStatus
	}{
		"its container does not run yet": {
			setup: func(w *world) string { id := w.Up(w.Job(7)); w.Pass(6 * time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"it did not claim within the start limit": {
			setup: func(w *world) string { id := w.Up(w.Job(7)); w.Pass(15 * time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerStartTimeout},
			cause: "the container did not get its credential within 15m0s", asked: true, phase: fleet.Closing,
		},
		"GitHub made its claim wait": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.Claims = 2; *r = r.Mark(fleet.StageClaimed, w.Now()) })
				w.Pass(6 * time.Minute)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"idle for less than the limit": {
			setup: func(w *world) string { id := w.Idle(w.Job(7)); w.Pass(4 * time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"idle for too long": {
			setup: func(w *world) string { id := w.Idle(w.Job(7)); w.Pass(5 * time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerIdleTimeout},
			cause: "the runner got no job for 5m0s: another runner had it, GitHub holds it back (max-parallel, a concurrency group), or a label or runner group keeps it from this one", asked: true, phase: fleet.Closing,
		},
		"GitHub says busy: false and refuses to delete it": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.GitHub.Runner(id + ".1").Working = true
				w.Pass(time.Hour)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 1800}, phase: fleet.Open,
		},
		"GitHub is down and it looks idle: never reaped": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.GitHub.Fails["Job"] = unavailable
				w.Pass(time.Hour)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 60}, phase: fleet.Open,
		},
		"GitHub is down and its task has stopped: nothing to wait for": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.Tasks.Ends(id, 0)
				w.GitHub.Fails["Job"] = unavailable
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, phase: fleet.Open,
		},
		"GitHub goes down before it is deleted: its task runs on": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.GitHub.Fails["Delete"] = unavailable
				w.Pass(time.Hour)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 60}, phase: fleet.Closing,
		},
		"it has the job although no webhook said so": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Idle(job)
				w.GitHub.Runner(id + ".1").Working = true
				w.GitHub.Set(lifecycletest.InProgress(job, id+".1"))
				w.Pass(time.Hour)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 1800}, phase: fleet.Open, status: fleet.RunRunning,
		},
		"its job was cancelled although no webhook said so": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Idle(job)
				w.GitHub.Set(lifecycletest.Completed(job, "cancelled"))
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, asked: true, phase: fleet.Closing, status: fleet.RunCancelled,
		},
		"a foreign runner has its job": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Idle(job)
				w.GitHub.Set(lifecycletest.InProgress(job, "theirs"))
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, asked: true, phase: fleet.Closing, status: fleet.RunRunning,
		},
		"no run expects it any more": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.For = "" })
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, asked: true, phase: fleet.Closing,
		},
		"busy: until the next look": {
			setup: func(w *world) string { id := w.Busy(w.Job(7)); w.Pass(30 * time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 1800}, phase: fleet.Open,
		},
		"busy: never past max_runtime": {
			setup: func(w *world) string { id := w.Busy(w.Job(7)); w.Pass(6*time.Hour - time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 60}, phase: fleet.Open,
		},
		"busy for max_runtime": {
			setup: func(w *world) string { id := w.Busy(w.Job(7)); w.Pass(6 * time.Hour); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 60}, asked: true, phase: fleet.Open,
		},
		"busy for longer than max_runtime: the inspection was late": {
			setup: func(w *world) string { id := w.Busy(w.Job(7)); w.Pass(6*time.Hour + 10*time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 60}, asked: true, phase: fleet.Open,
		},
		"its task stopped after the job": {
			setup: func(w *world) string { id := w.Busy(w.Job(7)); w.Tasks.Ends(id, 0); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, phase: fleet.Open,
		},
		"its task stopped before the claim": {
			setup: func(w *world) string { id := w.Up(w.Job(7)); w.Tasks.Ends(id, 64); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerStoppedEarly},
			cause: "the task stopped before the runner took a job: the entrypoint was started without what it needs; `ecsrunner runners logs fleet-7-1` shows what it said", phase: fleet.Open,
		},
		"its task stopped since the answers to its claim got lost": {
			setup: func(w *world) string { id := w.Idle(w.Job(7)); w.Tasks.Ends(id, fleet.ExitClaimGone); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerClaimLost},
			cause: "the container did not get the answer to its claim; " +
				"does the network carry answers of 10 KB to it? `ecsrunner runners logs fleet-7-1` shows what it met", phase: fleet.Open,
		},
		"its task stopped since its run had ended": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRun("job-7", func(r *fleet.Run) { r.Status = fleet.RunCancelled })
				w.Tasks.Ends(id, fleet.ExitClaimGone)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, phase: fleet.Open,
		},
		"GitHub is down and its task has stopped without a credential": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.Claims = 1 })
				w.Tasks.Ends(id, fleet.ExitClaimUnavailable)
				w.GitHub.Fails["Job"] = unavailable
				return id
			},
			want:  fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerStoppedEarly},
			cause: "the task stopped before the runner took a job: the claim got no answer in the time allowed; `ecsrunner runners logs fleet-7-1` shows what it said", phase: fleet.Open,
		},
		"a task that the platform does not know: the sweep's": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.Tasks.Forget(w.Runner(id).TaskARN)
				w.Pass(10 * time.Minute)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"a task with a job that the platform does not know: the sweep's": {
			setup: func(w *world) string {
				id := w.Busy(w.Job(7))
				w.Tasks.Forget(w.Runner(id).TaskARN)
				w.Pass(10 * time.Minute)
				return id
			},
			want: fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 1800}, phase: fleet.Open,
		},
		"RunTask has started nothing yet": {
			setup: func(w *world) string { id := w.Launch(w.Job(7)); w.Pass(time.Minute); return id },
			want:  fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := c.setup(w)
			got, err := run(t, w, id)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.Cause = c.cause; got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			r := w.Runner(id)
			if w.Tasks.Asked(r.TaskARN) != c.asked || r.Phase != c.phase {
				t.Errorf("asked to stop: %t; the runner is %s", w.Tasks.Asked(r.TaskARN), r.Phase)
			}
			if s := w.Run("job-7").Status; c.status != "" && s != c.status {
				t.Errorf("the run is %s", s)
			}
		})
	}
}

// After a swap the runner is meant for the other job: GitHub is asked for that job, not
// for the one that the runner was launched for.
func TestALostWebhookAfterASwap(t *testing.T) {
	w := lifecycletest.New(t)
	first, second := w.Job(7), w.Job(8)
	id, thief := w.Idle(first), w.Idle(second)
	learn := func(job fleet.Job) fleet.Job { w.GitHub.Set(job); return job }
	if _, err := w.Fleet().LearnJob(t.Context(), learn(lifecycletest.InProgress(first, fleet.RunnerName(thief, 1)))); err != nil {
		t.Fatal(err)
	}
	learn(lifecycletest.Completed(lifecycletest.InProgress(second, fleet.RunnerName(id, 1)), "success"))
	w.Tasks.Ends(id, 0)
	got, err := run(t, w, id)
	if want := (fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if ran := w.Run("job-8"); ran.Status != fleet.RunCompleted || ran.RanOn != id {
		t.Errorf("its job is not known:\n%s", w.State())
	}
}

func TestThePlatformDoesNotAnswer(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Up(w.Job(7))
	w.Tasks.Fails["Describe"] = errors.New("throttled")
	if _, err := run(t, w, id); !errors.Is(err, w.Tasks.Fails["Describe"]) {
		t.Errorf("%v", err)
	}
}

func TestKilled(t *testing.T) {
	cases := map[string]func(w *world){
		"waiting": func(w *world) { w.Idle(w.Job(7)) },
		"reaped":  func(w *world) { w.Idle(w.Job(7)); w.Pass(5 * time.Minute) },
		"refuses to be deleted": func(w *world) {
			w.GitHub.Runner(w.Idle(w.Job(7)) + ".1").Working = true
			w.Pass(time.Hour)
		},
		"has the job": func(w *world) {
			id := w.Idle(w.Job(7))
			w.GitHub.Runner(id + ".1").Working = true
			w.GitHub.Set(lifecycletest.InProgress(w.Job(7), id+".1"))
		},
		"its job was cancelled": func(w *world) {
			w.Idle(w.Job(7))
			w.GitHub.Set(lifecycletest.Completed(w.Job(7), "cancelled"))
		},
		"too long":           func(w *world) { w.Busy(w.Job(7)); w.Pass(6 * time.Hour) },
		"its task stopped":   func(w *world) { w.Tasks.Ends(w.Busy(w.Job(7)), 0) },
		"its task is gone":   func(w *world) { w.Tasks.Forget(w.Runner(w.Up(w.Job(7))).TaskARN); w.Pass(time.Hour) },
		"it was never there": func(w *world) { w.Launch(w.Job(7)) },
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); before(w); return w },
				func(w *world) error { _, err := run(t, w, "fleet-7-1"); return err }, nil)
		})
	}
}
