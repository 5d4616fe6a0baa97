package dispatch_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

var (
	inProgress = lifecycletest.InProgress
	completed  = lifecycletest.Completed
	waiting    = lifecycletest.Waiting
)

func handle(w *world, e fleet.Event) error {
	return dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}.Handle(context.Background(), e)
}

// hear delivers one workflow_job event.
func hear(t *testing.T, w *world, action string, job fleet.Job) {
	t.Helper()
	if err := handle(w, webhook(w, action, job)); err != nil {
		t.Fatalf("%s: %v", action, err)
	}
}

// webhook is what GitHub sends about a job; GitHub's API then says the same.
func webhook(w *world, action string, job fleet.Job) fleet.Event {
	w.GitHub.Set(job)
	return w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: action, Delivery: w.NewID(), ReceivedAt: w.Now(), Job: job})
}

func TestQueued(t *testing.T) {
	cases := map[string]struct {
		events func(w *world, job fleet.Job) []fleet.Event
		runs   fleet.RunStatus // "" if there is no record
		starts int
	}{
		"a queued job gets a run, a runner and an execution": {
			events: func(w *world, job fleet.Job) []fleet.Event { return []fleet.Event{webhook(w, "queued", job)} },
			runs:   fleet.RunStarting, starts: 1,
		},
		"the same queued five times is one": {
			events: func(w *world, job fleet.Job) []fleet.Event {
				return slices.Repeat([]fleet.Event{webhook(w, "queued", job)}, 5)
			},
			runs: fleet.RunStarting, starts: 1,
		},
		"three deliveries of one job are one": {
			events: func(w *world, job fleet.Job) []fleet.Event {
				return []fleet.Event{webhook(w, "queued", job), webhook(w, "queued", job), webhook(w, "queued", job)}
			},
			runs: fleet.RunStarting, starts: 1,
		},
		"queued with the status waiting launches nothing": {
			events: func(w *world, job fleet.Job) []fleet.Event { return []fleet.Event{webhook(w, "queued", waiting(job))} },
		},
		"waiting alone makes a record and launches nothing": {
			events: func(w *world, job fleet.Job) []fleet.Event { return []fleet.Event{webhook(w, "waiting", waiting(job))} },
			runs:   fleet.RunWaiting,
		},
		"queued after completed launches nothing": {
			events: func(w *world, job fleet.Job) []fleet.Event {
				return []fleet.Event{webhook(w, "completed", completed(job, "skipped")), webhook(w, "queued", job)}
			},
			runs: fleet.RunCompleted,
		},
		"an unknown action is no error": {
			events: func(w *world, job fleet.Job) []fleet.Event { return []fleet.Event{w.Event("something else", 1)} },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			for _, e := range c.events(w, w.Job(7)) {
				if err := handle(w, e); err != nil {
					t.Fatal(err)
				}
			}
			run, known, _ := w.Records.Run(t.Context(), "job-7")
			if run.Status != c.runs || known != (c.runs != "") {
				t.Errorf("the run is %q, want %q", run.Status, c.runs)
			}
			if w.Executions.Count() != c.starts || run.Launched != c.starts {
				t.Errorf("%d executions and %d runners, want %d", w.Executions.Count(), run.Launched, c.starts)
			}
		})
	}
}

// A webhook about a job shows that GitHub knows it, so its run does not wait any
// longer.
func TestAWebhookAboutAJobThatGitHubDidNotKnow(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	first := w.Launch(job)
	if _, _, err := w.Fleet().Finish(t.Context(), first, nil, fleet.GitHubNotFound, "GitHub has no job 7"); err != nil {
		t.Fatal(err)
	}
	w.Pass(10 * time.Second)
	if run := w.Run("job-7"); !run.Retrying() || !run.Setback.NextTry.After(w.Now()) {
		t.Fatalf("the run does not wait:\n%s", w.State())
	}
	hear(t, w, "queued", job)
	if run := w.Run("job-7"); run.RunnerID == "" || run.RunnerID == first {
		t.Errorf("the run is %s and waits for its time: %+v", run.Shown(), run.Setback)
	}
}

func TestQueuedWaitingQueued(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	first := w.Idle(job)
	hear(t, w, "waiting", waiting(job))
	if got := w.Runner(first); got.Phase != fleet.Closing || !w.Tasks.Asked(got.TaskARN) || len(w.GitHub.Names()) != 0 {
		t.Fatalf("the first runner is not let go:\n%s", w.State())
	}
	hear(t, w, "queued", job)
	second := w.Run("job-7").RunnerID
	if second == first || w.Runner(second).Phase != fleet.Open || w.Run("job-7").Launched != 2 {
		t.Errorf("no second runner:\n%s", w.State())
	}
}

// A waiting event that comes after the second queued one must not take the runner away
// from the job: GitHub says that the job is queued.
func TestLateWaiting(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	late := webhook(w, "waiting", waiting(job))
	id := w.Idle(job)
	w.GitHub.Set(job)
	if err := handle(w, late); err != nil {
		t.Fatal(err)
	}
	if w.Runner(id).Phase != fleet.Open || w.Run("job-7").Status != fleet.RunWaitingForJob {
		t.Errorf("a late event took the runner away:\n%s", w.State())
	}
}

func TestNoRoom(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1
	hear(t, w, "queued", w.Job(1))
	hear(t, w, "queued", w.Job(2))
	if run := w.Run("job-2"); !run.WaitsForRoom || run.Status != fleet.RunQueued || !strings.Contains(run.Reason, "max_runners") {
		t.Errorf("the run is %s (%s)", run.Status, run.Reason)
	}
}

func TestOutOfOrder(t *testing.T) {
	orders := map[string][]int{
		"completed, in_progress, queued": {2, 1, 0},
		"completed, queued, in_progress": {2, 0, 1},
		"in_progress, completed, queued": {1, 2, 0},
		"in_progress, queued, completed": {1, 0, 2},
		"queued, completed, in_progress": {0, 2, 1},
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			other := w.Job(1)
			id := w.Idle(other) // launched for another job with the same labels
			job := w.Job(7)
			running := inProgress(job, fleet.RunnerName(id, 1))
			events := []fleet.Event{webhook(w, "queued", job), webhook(w, "in_progress", running), webhook(w, "completed", completed(running, "success"))}
			for _, i := range order {
				if err := handle(w, events[i]); err != nil {
					t.Fatal(err)
				}
			}
			run := w.Run("job-7")
			if run.Status != fleet.RunCompleted || run.RanOn != id || run.Conclusion != "success" {
				t.Errorf("the run is %s on %q with %q", run.Status, run.RanOn, run.Conclusion)
			}
			if got := w.Run("job-1"); !got.Wanted() || got.RunnerID == "" || got.RunnerID == id {
				t.Errorf("the displaced run has runner %q", got.RunnerID)
			}
		})
	}
}

func TestInProgress(t *testing.T) {
	cases := map[string]struct {
		setup func(w *world) (job fleet.Job, runner string)
		check func(t *testing.T, w *world, runner string)
	}{
		"its own runner took it": {
			setup: func(w *world) (fleet.Job, string) { job := w.Job(7); return job, w.Idle(job) },
			check: func(t *testing.T, w *world, id string) {
				r, run := w.Runner(id), w.Run("job-7")
				if r.Took != 7 || run.RanOn != id || run.Status != fleet.RunRunning || run.RunnerID != id {
					t.Error("the fact is not recorded")
				}
				if !signalled(w, id+` succeeded {"outcome":"took","seconds":1800}`) {
					t.Errorf("signals: %q", w.Executions.Signals)
				}
			},
		},
		"a foreign job on our runner gets a record, and the displaced run its next runner": {
			setup: func(w *world) (fleet.Job, string) { id := w.Idle(w.Job(7)); return w.Job(8), id },
			check: func(t *testing.T, w *world, id string) {
				if run := w.Run("job-8"); run.RanOn != id || run.Status != fleet.RunRunning {
					t.Errorf("run of the foreign job: %s on %q", run.Status, run.RanOn)
				}
				if run := w.Run("job-7"); run.RunnerID != "fleet-7-2" || run.Launched != 2 {
					t.Errorf("the displaced run expects %q", run.RunnerID)
				}
			},
		},
		"a stolen runner: the two swap": {
			setup: func(w *world) (fleet.Job, string) {
				id := w.Idle(w.Job(7))
				job := w.Job(8)
				w.Idle(job)
				return job, id
			},
			check: func(t *testing.T, w *world, id string) {
				own := w.Runner("fleet-8-1")
				if w.Run("job-7").RunnerID != own.RunnerID || own.For != "job-7" || own.Phase != fleet.Open {
					t.Errorf("job-7 expects %q, which is for %q", w.Run("job-7").RunnerID, own.For)
				}
				if w.Executions.Count() != 2 {
					t.Error("more was launched")
				}
			},
		},
		"a stolen runner that the other cannot replace: one is launched, one ended": {
			setup: func(w *world) (fleet.Job, string) {
				id := w.Idle(w.Job(7, "self-hosted", "class:large"))
				job := w.Job(8)
				w.Idle(job)
				return job, id
			},
			check: func(t *testing.T, w *world, id string) {
				if w.Run("job-7").RunnerID != "fleet-7-2" {
					t.Errorf("job-7 expects %q", w.Run("job-7").RunnerID)
				}
				own := w.Runner("fleet-8-1")
				if own.Phase != fleet.Closing || !w.Tasks.Asked(own.TaskARN) || w.GitHub.Runner("fleet-8-1.1") != nil {
					t.Error("the idle runner of job-8 is not ended")
				}
			},
		},
		"a foreign runner took it: ours is let go": {
			setup: func(w *world) (fleet.Job, string) { job := w.Job(7); w.Idle(job); return job, "another-machine" },
			check: func(t *testing.T, w *world, _ string) {
				if run := w.Run("job-7"); run.Status != fleet.RunRunning || run.RanOn != "" || !strings.Contains(run.Reason, "another-machine") {
					t.Errorf("the run is %s (%s)", run.Status, run.Reason)
				}
				if r := w.Runner("fleet-7-1"); r.Phase != fleet.Closing {
					t.Errorf("the runner is %s", r.Phase)
				}
			},
		},
		"a run that waited for room waits no longer when a foreign runner took its job": {
			setup: func(w *world) (fleet.Job, string) {
				w.MaxRunners = 0
				job := w.Job(7)
				w.Launch(job)
				return job, "another-machine"
			},
			check: func(t *testing.T, w *world, _ string) {
				if w.Run("job-7").WaitsForRoom {
					t.Error("it stands in the queue for ever")
				}
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			job, id := c.setup(w)
			runnerName := id
			if reg := w.GitHub.Runner(id + ".1"); reg != nil {
				reg.Working = true
				runnerName = id + ".1"
			}
			hear(t, w, "in_progress", inProgress(job, runnerName))
			c.check(t, w, id)
		})
	}
}

// GitHub's documentation has an example of a queued job with a runner's name.
func TestRunnerNameOfAWaitingJobMeansNothing(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	job := w.Job(8)
	job.RunnerName = id + ".1"
	hear(t, w, "queued", job)
	hear(t, w, "waiting", waiting(job))
	if w.Runner(id).Took != 0 {
		t.Error("a job that waits was taken to run")
	}
}

func TestCompleted(t *testing.T) {
	t.Run("cancelled before it was claimed: the runner is let go and its execution ends green", func(t *testing.T) {
		w := lifecycletest.New(t)
		job := w.Job(7)
		id := w.Up(job)
		hear(t, w, "completed", completed(job, "cancelled"))
		if run := w.Run("job-7"); run.Status != fleet.RunCancelled || run.Conclusion != "cancelled" {
			t.Errorf("the run is %s", run.Status)
		}
		if !w.Tasks.Asked(w.Runner(id).TaskARN) {
			t.Error("the task goes on")
		}
		if err := handle(w, w.Event(fleet.TaskEvent, w.Tasks.Ends(id, fleet.ExitClaimGone))); err != nil {
			t.Fatal(err)
		}
		if !signalled(w, id+" failed Runner.NotWanted: its job was cancelled on GitHub before it took it") {
			t.Errorf("signals: %q", w.Executions.Signals)
		}
	})
	t.Run("while the image is built", func(t *testing.T) {
		w := lifecycletest.New(t)
		job := w.Job(7)
		id := w.Launch(job)
		token := w.Executions.Token(id)
		w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForImage })
		hear(t, w, "completed", completed(job, "cancelled"))
		if len(w.Executions.Signals) != 1 || !strings.Contains(w.Executions.Signals[0], "failed Runner.NotWanted") {
			t.Errorf("signals: %q", w.Executions.Signals)
		}
	})
	t.Run("the runner turns out to be busy: it is left alone", func(t *testing.T) {
		w := lifecycletest.New(t)
		job := w.Job(7)
		id := w.Idle(job)
		w.GitHub.Runner(id + ".1").Working = true
		hear(t, w, "completed", completed(job, "cancelled"))
		if r := w.Runner(id); r.Phase != fleet.Open || r.Status != fleet.RunnerRunning || w.Tasks.Asked(r.TaskARN) {
			t.Errorf("the runner is %s and %s", r.Phase, r.Status)
		}
	})
	t.Run("a failed run is amended", func(t *testing.T) {
		w := lifecycletest.New(t)
		job := w.Job(7)
		id := w.Idle(job)
		w.EditRun("job-7", func(r *fleet.Run) { r.Status = fleet.RunFailed })
		hear(t, w, "completed", completed(inProgress(job, id+".1"), "success"))
		if run := w.Run("job-7"); run.Status != fleet.RunCompleted || run.RanOn != id {
			t.Errorf("the run is %s", run.Status)
		}
	})
}

func TestTask(t *testing.T) {
	cases := map[string]struct {
		setup  func(w *world) string // the runner
		event  func(w *world, id string) fleet.Task
		signal string
		beats  int
		github int // calls
	}{
		"it runs: a heartbeat": {
			setup: func(w *world) string { return w.Up(w.Job(7)) },
			event: func(w *world, id string) fleet.Task { return w.Tasks.Runs(id) },
			beats: 1,
		},
		"an old event: nothing": {
			setup: func(w *world) string { return w.Up(w.Job(7)) },
			event: func(w *world, id string) fleet.Task { return w.Tasks.Of(id) },
		},
		"it stopped before the claim": {
			setup:  func(w *world) string { return w.Up(w.Job(7)) },
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, 64) },
			signal: " failed Runner.StoppedEarly: the task stopped before the runner took a job: the entrypoint was started without what it needs; `ecsrunner runners logs fleet-7-1` shows what it said",
		},
		"the answers to its claim got lost": {
			setup: func(w *world) string { return w.Idle(w.Job(7)) },
			event: func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimGone) },
			signal: " failed Runner.ClaimLost: the container did not get the answer to its claim; " +
				"does the network carry answers of 10 KB to it? `ecsrunner runners logs fleet-7-1` shows what it met",
			github: 1,
		},
		"its claim came when its run had ended, and it was not let go yet": {
			setup: func(w *world) string {
				w.EditRun(w.Runner(w.Up(w.Job(7))).RunID, func(r *fleet.Run) { r.Status = fleet.RunCancelled })
				return "fleet-7-1"
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimGone) },
			signal: " failed Runner.NotWanted: the job needs this runner no longer",
		},
		"its claim got no answer": {
			setup:  func(w *world) string { return w.Up(w.Job(7)) },
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimUnavailable) },
			signal: " failed Runner.StoppedEarly: the task stopped before the runner took a job: the claim got no answer in the time allowed; `ecsrunner runners logs fleet-7-1` shows what it said",
		},
		"its claims were answered, and GitHub did not register it": {
			setup: func(w *world) string {
				w.EditRunner(w.Up(w.Job(7)), func(r *fleet.Runner) { r.Claims, r.Asks = 1, 8 })
				return "fleet-7-1"
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimUnavailable) },
			signal: " failed GitHub.Unavailable: GitHub did not register the runner, asked 8 times in 10m0s",
			github: 1,
		},
		"its claim came when no run expected it": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.For = "" })
				return id
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimGone) },
			signal: " failed Runner.NotWanted: the job needs this runner no longer",
		},
		"its version is deprecated": {
			setup:  func(w *world) string { return w.Idle(w.Job(7)) },
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, 7) },
			signal: " failed Runner.VersionDeprecated: GitHub gives no jobs to the runner version in image : set runner_version to latest or to a newer one, and have the image built again",
			github: 1,
		},
		"Spot took its capacity back": {
			setup: func(w *world) string { return w.Up(w.Job(7)) },
			event: func(w *world, id string) fleet.Task {
				task := w.Tasks.Ends(id, 0)
				task.StopCode, task.Containers = fleet.StopSpotInterruption, nil
				return task
			},
			signal: " failed Runner.SpotInterrupted: Fargate Spot took its capacity back before the runner had a job",
		},
		"there was no address for it: nothing that RunTask would try again": {
			setup: func(w *world) string { return w.Up(w.Job(7)) },
			event: func(w *world, id string) fleet.Task {
				task := w.Tasks.Ends(id, 0)
				task.StopCode, task.StoppedReason, task.Containers = fleet.StopTaskFailedToStart, "InsufficientFreeAddressesInSubnet", nil
				return task
			},
			signal: " failed Runner.StoppedEarly: ECS could not start the task: InsufficientFreeAddressesInSubnet; the fleet tries again, and more or larger subnet_ids help: each runner needs an address of its own",
		},
		"it had the job although no webhook said so": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Idle(job)
				w.GitHub.Set(completed(inProgress(job, id+".1"), "success"))
				return id
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, 0) },
			signal: ` succeeded {"outcome":"took","seconds":1800}`,
			github: 1,
		},
		"GitHub does not say: taken to have had none": {
			setup: func(w *world) string {
				w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnavailable, "down")
				return w.Idle(w.Job(7))
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, 0) },
			signal: " failed Runner.StoppedEarly: the task stopped before the runner took a job: the runner ended; `ecsrunner runners logs fleet-7-1` shows what it said",
			github: 1,
		},
		"it stopped after its job": {
			setup:  func(w *world) string { return w.Busy(w.Job(7)) },
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, 0) },
			signal: ` succeeded {"outcome":"stopped","seconds":1}`,
		},
		"what claimed nothing was noted by the claim": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.FailureName, r.Failure = fleet.GitHubUnauthorized, "bad credentials" })
				return id
			},
			event:  func(w *world, id string) fleet.Task { return w.Tasks.Ends(id, fleet.ExitClaimRefused) },
			signal: " failed GitHub.Unauthorized: bad credentials",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := c.setup(w)
			w.Executions.Signals, w.GitHub.Calls = nil, nil
			if err := handle(w, w.Event(fleet.TaskEvent, c.event(w, id))); err != nil {
				t.Fatal(err)
			}
			var want []string
			if c.signal != "" {
				want = []string{id + c.signal}
			}
			if !slices.Equal(w.Executions.Signals, want) {
				t.Errorf("signals %q, want %q", w.Executions.Signals, want)
			}
			if w.Executions.Heartbeats != c.beats || len(w.GitHub.Calls) != c.github {
				t.Errorf("%d heartbeats, calls of GitHub %q", w.Executions.Heartbeats, w.GitHub.Calls)
			}
		})
	}
}

// After a swap the runner is meant for the other job: GitHub is asked for that job, not
// for the one that the runner was launched for.
func TestATaskStopsAfterASwapAndALostWebhook(t *testing.T) {
	w := lifecycletest.New(t)
	first, second := w.Job(7), w.Job(8)
	id, thief := w.Idle(first), w.Idle(second)
	w.GitHub.Set(inProgress(first, fleet.RunnerName(thief, 1)))
	hear(t, w, "in_progress", w.GitHub.Has(7))
	w.GitHub.Set(completed(inProgress(second, fleet.RunnerName(id, 1)), "success"))
	if err := handle(w, w.Event(fleet.TaskEvent, w.Tasks.Ends(id, 0))); err != nil {
		t.Fatal(err)
	}
	if ran := w.Run("job-8"); ran.Status != fleet.RunCompleted || ran.RanOn != id || w.Runner(id).Took != 8 {
		t.Errorf("its job is not known:\n%s", w.State())
	}
}

func TestTasksOfOthersAreLeftAlone(t *testing.T) {
	for _, startedBy := range []string{"", "other-7-1", "fleet-7-1", "ecs-svc/123"} {
		w := lifecycletest.New(t)
		if err := handle(w, w.Event(fleet.TaskEvent, fleet.Task{ARN: "t", StartedBy: startedBy, LastStatus: fleet.TaskRunning, Version: 2})); err != nil {
			t.Error(err)
		}
		if w.State() != lifecycletest.New(t).State() {
			t.Errorf("%q: %s", startedBy, w.State())
		}
	}
}

// RunTask may die before it records that it started the task.
func TestTheStartOfATaskIsNoted(t *testing.T) {
	for name, created := range map[string]*time.Time{"ECS says when": new(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)), "it does not": nil} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7))
			task := fleet.Task{ARN: "t", StartedBy: id, LastStatus: fleet.TaskPending, Version: 1, CreatedAt: created}
			if err := handle(w, w.Event(fleet.TaskEvent, task)); err != nil {
				t.Fatal(err)
			}
			want := w.Now()
			if created != nil {
				want = *created
			}
			if r := w.Runner(id); r.TaskARN != "t" || !r.At(fleet.StageTaskStarted).Equal(want) {
				t.Errorf("task %q started at %s", r.TaskARN, r.At(fleet.StageTaskStarted))
			}
		})
	}
}

// A runner may be let go while RunTask starts its task, and RunTask may die before it
// stops the task.
func TestATaskWithoutARunIsStopped(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Launch(job)
	if _, err := w.Tasks.Launch(t.Context(), fleet.TaskLaunch{RunnerID: id, ClientToken: "x"}); err != nil {
		t.Fatal(err)
	}
	hear(t, w, "completed", completed(job, "cancelled"))
	if err := handle(w, w.Event(fleet.TaskEvent, w.Tasks.Runs(id))); err != nil {
		t.Fatal(err)
	}
	if !w.Tasks.Asked(w.Tasks.Of(id).ARN) {
		t.Error("the task goes on")
	}
}

func TestBuild(t *testing.T) {
	lost := fleet.BuildOwner("fleet-1-1", lifecycletest.New(t).Now().Add(-time.Hour))
	cases := map[string]struct {
		build   fleet.Build // its owner is the lock's unless the case says otherwise
		signals []string
		beats   int
		locked  bool
		image   string
		failed  string // what the record says
	}{
		"it succeeded: everybody who joined gets the digest": {
			build:   fleet.Build{Tag: "tag", Status: fleet.BuildSucceeded, Digest: "sha256:1"},
			signals: []string{`fleet-1-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`, `fleet-2-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`},
			image:   "sha256:1",
		},
		"it failed: everybody hears why": {
			build:   fleet.Build{Tag: "tag", Status: "FAILED", Reason: "no such base image"},
			signals: []string{"fleet-1-1 failed Image.BuildFailed: no such base image", "fleet-2-1 failed Image.BuildFailed: no such base image"},
			failed:  "no such base image",
		},
		"it was stopped: that says nothing about the image, and all look again": {
			build:   fleet.Build{Tag: "tag", Status: fleet.BuildStopped, Reason: "stopped"},
			signals: []string{"fleet-1-1 failed Image.BuildLost: stopped", "fleet-2-1 failed Image.BuildLost: stopped"},
		},
		"it goes on: heartbeats and a longer lease": {
			build: fleet.Build{Tag: "tag", Status: fleet.BuildInProgress}, beats: 2, locked: true,
		},
		"another image's build": {build: fleet.Build{Tag: "other", Status: "FAILED"}, locked: true},
		"a build from before the owner lost the lock and took it again, which succeeded": {
			build:   fleet.Build{Tag: "tag", Owner: lost, Status: fleet.BuildSucceeded, Digest: "sha256:1"},
			signals: []string{`fleet-1-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`, `fleet-2-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`},
			image:   "sha256:1",
		},
		"such a build, which failed":  {build: fleet.Build{Tag: "tag", Owner: lost, Status: "FAILED"}, locked: true},
		"such a build, which goes on": {build: fleet.Build{Tag: "tag", Owner: lost, Status: fleet.BuildInProgress}, locked: true},
		"a build that the previous release started": {
			build: fleet.Build{Tag: "tag", Owner: "-", Status: fleet.BuildSucceeded, Digest: "sha256:1"}, image: "sha256:1",
			signals: []string{`fleet-1-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`, `fleet-2-1 succeeded {"outcome":"ready","tag":"tag","digest":"sha256:1"}`},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			owner := builds(w, 15*time.Minute)
			if err := w.Images.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag"}); err != nil { // as buildimage does
				t.Fatal(err)
			}
			w.Launch(w.Job(3)) // waits for nothing
			w.Pass(10 * time.Minute)
			switch c.build.Owner {
			case "":
				c.build.Owner = owner
			case "-":
				c.build.Owner = ""
			}
			before := w.Images.Until("tag")
			if err := handle(w, w.Event(fleet.BuildEvent, c.build)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.Executions.Signals, c.signals) || w.Executions.Heartbeats != c.beats {
				t.Errorf("signals %q and %d heartbeats", w.Executions.Signals, w.Executions.Heartbeats)
			}
			record, _, _ := w.Images.Image(t.Context(), "tag")
			if failed := record.Failure; (failed != nil) != (c.failed != "") || failed != nil && (failed.Reason != c.failed || failed.At != w.Now()) {
				t.Errorf("the record says that it failed by %+v, want %q", failed, c.failed)
			}
			if lock, _ := w.Images.BuildLock(t.Context(), "tag"); record.Digest != c.image || (len(lock.Waiters) > 0) != c.locked {
				t.Errorf("image %+v, lock %+v", record, lock)
			}
			until := before
			if c.beats > 0 {
				until = w.Now().Add(15 * time.Minute)
			}
			if got := w.Images.Until("tag"); c.locked && got != until {
				t.Errorf("the lease ends at %s, want %s", got, until)
			}
		})
	}
}

// A build's events are repeated, and a person may start a build that no runner waits
// for.
func TestABuildWithoutALock(t *testing.T) {
	w := lifecycletest.New(t)
	before := w.State()
	for _, status := range []string{fleet.BuildInProgress, fleet.BuildSucceeded, "FAILED"} {
		for _, owner := range []string{"", fleet.BuildOwner("fleet-1-1", w.Now())} {
			if err := handle(w, w.Event(fleet.BuildEvent, fleet.Build{Tag: "tag", Owner: owner, Status: status, Digest: "sha256:1"})); err != nil || w.State() != before {
				t.Errorf("%s by %q: %v:\n%s", status, owner, err, w.State())
			}
		}
	}
	if record, ok, _ := w.Images.Image(t.Context(), "tag"); ok {
		t.Errorf("image %+v is recorded", record)
	}
}

// The lease may run out while dispatch records the build's end. A failure then concerns
// the next owner; after a success all waiting runners have the image.
func TestALockThatIsLostMeanwhile(t *testing.T) {
	for status, waiters := range map[string]int{"FAILED": 3, fleet.BuildSucceeded: 0} {
		w := lifecycletest.New(t)
		owner := builds(w, 15*time.Minute)
		w.After("Images.PutImage", func() { _, _ = w.Images.JoinBuild(t.Context(), "tag", "fleet-9-1", w.Now().Add(time.Hour), time.Hour) })
		if err := handle(w, w.Event(fleet.BuildEvent, fleet.Build{Tag: "tag", Owner: owner, Status: status, Digest: "sha256:1"})); err != nil {
			t.Fatal(err)
		}
		if lock, _ := w.Images.BuildLock(t.Context(), "tag"); len(lock.Waiters) != waiters || waiters > 0 && !fleet.OwnsBuild(lock.Owner, "fleet-9-1") {
			t.Errorf("%s: the next build's lock is %+v", status, lock)
		}
	}
}

// A build whose lock has run out succeeds after all: its image is there, and nothing is
// built again.
func TestASuccessCountsUnderAnyLock(t *testing.T) {
	w := lifecycletest.New(t)
	if err := w.Images.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag"}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"FAILED", fleet.BuildSucceeded} {
		if err := handle(w, w.Event(fleet.BuildEvent, fleet.Build{Tag: "tag", Owner: "fleet-1-1@1", Revision: 1, Status: status, Digest: "sha256:1"})); err != nil {
			t.Fatal(err)
		}
	}
	if record, _, _ := w.Images.Image(t.Context(), "tag"); record.Digest != "sha256:1" || record.Revision != 1 || record.Failure != nil {
		t.Errorf("image %+v", record)
	}
}

func TestExecutionEnded(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	if err := handle(w, w.Event(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: id, Status: "ABORTED"})); err != nil {
		t.Fatal(err)
	}
	r := w.Runner(id)
	if r.Phase != fleet.Closed || r.FailureName != "Execution.ABORTED" || !w.Tasks.Asked(r.TaskARN) || len(w.GitHub.Names()) != 0 {
		t.Errorf("what the execution left is not cleared:\n%s", w.State())
	}
	if run := w.Run("job-7"); run.Shown() != fleet.RunRetrying || run.Setback.Name != "Execution.ABORTED" || !run.Setback.NextTry.Equal(w.Now().Add(time.Minute)) {
		t.Errorf("the run is %s: %+v", run.Shown(), run.Setback)
	}
	before := w.State()
	for _, name := range []string{id, "unknown"} {
		if err := handle(w, w.Event(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: name, Status: "FAILED"})); err != nil || w.State() != before {
			t.Errorf("%s again: %v", name, err)
		}
	}
}

// An execution that an operator stops does not count as a fruitless runner of its run.
func TestAnExecutionThatAnOperatorStopped(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	if err := handle(w, w.Event(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: id, Status: "ABORTED", Error: fleet.RunnerNotWanted, Cause: "drained"})); err != nil {
		t.Fatal(err)
	}
	if r := w.Runner(id); r.Phase != fleet.Closed || r.Status != fleet.RunnerOffline || r.Reason != "drained" {
		t.Errorf("%+v", r)
	}
	if run := w.Run("job-7"); run.RunnerID != "fleet-7-2" || run.Fruitless != 0 {
		t.Errorf("%+v", run)
	}
}

func TestResumed(t *testing.T) {
	w := lifecycletest.New(t)
	if _, err := w.Fleet().Pause(t.Context(), fleet.Operator{Reason: "an upgrade"}.Act(fleet.CommandPause, "p", w.Now())); err != nil {
		t.Fatal(err)
	}
	resumed := w.Event(fleet.FleetResumedEvent, struct{}{})
	for _, paused := range []bool{true, false} {
		if err := handle(w, w.Event(fleet.WorkflowJobEvent, fleet.WorkflowJob{Action: fleet.JobQueued, Job: w.Job(7), ReceivedAt: w.Now()})); err != nil {
			t.Fatal(err)
		}
		if err := handle(w, resumed); err != nil {
			t.Fatal(err)
		}
		if run := w.Run("job-7"); (run.RunnerID == "") != paused {
			t.Errorf("paused %t: %+v", paused, run)
		}
		if _, _, err := w.Fleet().Resume(t.Context(), fleet.Operator{}.Act(fleet.CommandResume, "r", w.Now())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnreadableEvent(t *testing.T) {
	w := lifecycletest.New(t)
	if err := handle(w, w.Event(fleet.WorkflowJobEvent, "no object")); err == nil {
		t.Error("no error")
	}
}

func TestKilled(t *testing.T) {
	stays := func(w *world) (fleet.Job, string) { job := w.Job(7); return job, w.Idle(job) }
	cases := map[string]struct {
		setup  func(w *world)
		event  func(w *world) fleet.Event
		settle func(*world)
	}{
		"queued": {
			setup: func(w *world) { w.Job(7) },
			event: func(w *world) fleet.Event { return webhook(w, "queued", w.Job(7)) },
		},
		"queued without room": {
			setup: func(w *world) { w.MaxRunners = 0; w.Job(7) },
			event: func(w *world) fleet.Event { return webhook(w, "queued", w.Job(7)) },
		},
		"waiting": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event { return webhook(w, "waiting", waiting(w.Job(7))) },
		},
		"in_progress": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event { return webhook(w, "in_progress", inProgress(w.Job(7), "fleet-7-1.1")) },
		},
		"in_progress of a foreign job": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event { return webhook(w, "in_progress", inProgress(w.Job(8), "fleet-7-1.1")) },
		},
		"in_progress on a stolen runner, with a swap": {
			setup: func(w *world) { stays(w); w.Idle(w.Job(8)) },
			event: func(w *world) fleet.Event { return webhook(w, "in_progress", inProgress(w.Job(8), "fleet-7-1.1")) },
		},
		"in_progress on a stolen runner, with a displacement": {
			setup: func(w *world) { w.Idle(w.Job(7, "self-hosted", "class:large")); w.Idle(w.Job(8)) },
			event: func(w *world) fleet.Event { return webhook(w, "in_progress", inProgress(w.Job(8), "fleet-7-1.1")) },
		},
		"in_progress elsewhere": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event { return webhook(w, "in_progress", inProgress(w.Job(7), "another-machine")) },
		},
		"completed": {
			setup: func(w *world) { w.Busy(w.Job(7)) },
			event: func(w *world) fleet.Event {
				return webhook(w, "completed", completed(inProgress(w.Job(7), "fleet-7-1.1"), "failure"))
			},
		},
		"completed before the claim": {
			setup: func(w *world) { w.Up(w.Job(7)) },
			event: func(w *world) fleet.Event { return webhook(w, "completed", completed(w.Job(7), "cancelled")) },
		},
		"completed while idle": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event { return webhook(w, "completed", completed(w.Job(7), "cancelled")) },
		},
		"completed while its image is built": {
			setup: func(w *world) {
				id := w.Launch(w.Job(7))
				token := w.Executions.Token(id)
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForImage })
			},
			event: func(w *world) fleet.Event { return webhook(w, "completed", completed(w.Job(7), "cancelled")) },
		},
		"the task runs": {
			setup: func(w *world) { w.Tasks.Runs(w.Up(w.Job(7))) },
			event: func(w *world) fleet.Event { return w.Event(fleet.TaskEvent, w.Tasks.Of("fleet-7-1")) },
		},
		"the task runs and no run wants it": {
			setup: func(w *world) {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.Phase, r.TaskARN, r.TaskVersion = fleet.Closing, "", 0 })
			},
			event: func(w *world) fleet.Event { return w.Event(fleet.TaskEvent, w.Tasks.Of("fleet-7-1")) },
		},
		"the task stopped early": {
			setup: func(w *world) { w.Tasks.Ends(w.Up(w.Job(7)), 64) },
			event: func(w *world) fleet.Event { return w.Event(fleet.TaskEvent, w.Tasks.Of("fleet-7-1")) },
		},
		"the task stopped after a job without a webhook": {
			setup: func(w *world) {
				job, id := stays(w)
				w.GitHub.Set(completed(inProgress(job, id+".1"), "success"))
				w.Tasks.Ends(id, 0)
			},
			event: func(w *world) fleet.Event { return w.Event(fleet.TaskEvent, w.Tasks.Of("fleet-7-1")) },
			settle: func(w *world) { // RecordStatus closes the run in any case
				_, _, _ = w.Fleet().Finish(context.Background(), "fleet-7-1", nil, "", "")
			},
		},
		"the task stopped after its job": {
			setup: func(w *world) { w.Tasks.Ends(w.Busy(w.Job(7)), 0) },
			event: func(w *world) fleet.Event { return w.Event(fleet.TaskEvent, w.Tasks.Of("fleet-7-1")) },
		},
		"the build succeeded": {
			setup: func(w *world) { builds(w, time.Hour) },
			event: func(w *world) fleet.Event {
				return w.Event(fleet.BuildEvent, fleet.Build{Tag: "tag", Owner: fleet.BuildOwner("fleet-1-1", w.Now()), Status: fleet.BuildSucceeded, Digest: "sha256:1"})
			},
		},
		"the build failed": {
			setup: func(w *world) { builds(w, time.Hour) },
			event: func(w *world) fleet.Event {
				return w.Event(fleet.BuildEvent, fleet.Build{Tag: "tag", Owner: fleet.BuildOwner("fleet-1-1", w.Now()), Status: "FAILED", Reason: "typo"})
			},
		},
		"the fleet was resumed": {
			setup: func(w *world) { w.MaxRunners = 0; w.Launch(w.Job(7)); w.MaxRunners = 1 },
			event: func(w *world) fleet.Event { return w.Event(fleet.FleetResumedEvent, struct{}{}) },
		},
		"the execution ended": {
			setup: func(w *world) { stays(w) },
			event: func(w *world) fleet.Event {
				return w.Event(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: "fleet-7-1", Status: "ABORTED"})
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); c.setup(w); return w },
				func(w *world) error { return handle(w, c.event(w)) }, c.settle)
		})
	}
}

// builds has two runners wait for an image. The first owns the build.
func builds(w *world, lease time.Duration) (owner string) {
	for _, job := range []int64{1, 2} {
		id := w.Launch(w.Job(job))
		token := w.Executions.Token(id)
		w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = token, fleet.WaitForImage })
	}
	for _, id := range []string{"fleet-1-1", "fleet-2-1"} {
		if name, _ := w.Images.JoinBuild(context.Background(), "tag", id, w.Now(), lease); name != "" {
			owner = name
		}
	}
	return owner
}

func signalled(w *world, signal string) bool { return slices.Contains(w.Executions.Signals, signal) }

// A concurrency group covers jobs on all runners: the end of a job that is not the
// fleet's allows a run that idled to try again, and leaves no record of its own.
func TestTheEndOfAnothersJobLetsOursTry(t *testing.T) {
	w := lifecycletest.New(t)
	first := w.Idle(w.Job(7))
	if _, _, err := w.Fleet().Finish(t.Context(), first, nil, fleet.RunnerIdleTimeout, "it got no job"); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	second, err := w.Fleet().Launch(t.Context(), "job-7")
	if err != nil || second == "" {
		t.Fatalf("launched %q, %v", second, err)
	}
	if _, _, err := w.Fleet().Finish(t.Context(), second, nil, fleet.RunnerIdleTimeout, "it got no job"); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	ended := func(repository string) {
		e := fleet.WorkflowJob{Action: "completed", ReceivedAt: w.Now(), NotOurs: true, Job: fleet.Job{JobID: 99, Repository: repository}}
		if err := (dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}).Handle(t.Context(), w.Event(fleet.WorkflowJobEvent, e)); err != nil {
			t.Fatal(err)
		}
	}
	ended("octo/another")
	if id := w.Run("job-7").RunnerID; id != "" {
		t.Errorf("a job of another repository ended, and %s is launched", id)
	}
	ended(w.Run("job-7").Job.Repository)
	if w.Run("job-7").RunnerID == "" {
		t.Errorf("the run waits: %s", w.Run("job-7").Reason)
	}
	if _, known, err := w.Records.Run(t.Context(), "job-99"); err != nil || known {
		t.Errorf("the other job has a run: %t, %v", known, err)
	}
}

// While many are launched, the sweep alone would leave a part of each minute unused.
func TestEventsLaunchRunsThatWaitForThePace(t *testing.T) {
	w := lifecycletest.New(t)
	f := w.Fleet()
	f.MaxRunners = 1000
	hear := func(e fleet.Event) {
		if err := (dispatch.Handler{Fleet: f, Images: w.Images, Cursors: w.Records}).Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	launched := func() (n int) {
		for id := int64(1); id <= 100; id++ {
			if run, known, err := w.Records.Run(t.Context(), fleet.RunID(id)); err != nil || known && run.LastRunner != "" {
				n++
			}
		}
		return n
	}
	for id := int64(1); id < 100; id++ {
		hear(webhook(w, "queued", w.Job(id)))
	}
	if n := launched(); n != 60 {
		t.Fatalf("%d of a burst are launched", n)
	}
	w.Pass(10 * time.Second)
	hear(webhook(w, "in_progress", inProgress(w.Job(1), "fleet-1-1.1")))
	if n := launched(); n != 70 {
		t.Errorf("after a job has begun %d are launched", n)
	}
	hear(webhook(w, "queued", w.Job(100)))
	if n := launched(); n != 74 {
		t.Errorf("after a job was queued %d are launched", n)
	}
	hear(webhook(w, "completed", completed(inProgress(w.Job(1), "fleet-1-1.1"), "success")))
	if n := launched(); n != 74 {
		t.Errorf("the pace lets 74 start, and %d have", n)
	}
}
