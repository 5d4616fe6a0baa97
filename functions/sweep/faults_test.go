package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// broken is a world in which everything went wrong at once.
func broken(t *testing.T) *world {
	w := lifecycletest.New(t)
	w.GitHub.HookID = 5
	w.Job(1)
	known(w, w.Job(2))
	w.EditRun("job-2", func(r *fleet.Run) { r.Job.HookID, r.Displaced = 5, 9 })
	running := w.Idle(w.Job(3))
	w.GitHub.Set(inProgress(w.Job(3), running+".1"))
	w.GitHub.Runner(running + ".1").Working = true
	ran := w.Idle(w.Job(4))
	w.GitHub.Set(completed(inProgress(w.Job(4), ran+".1"), "success"))
	w.GitHub.Remove(ran + ".1")
	w.GitHub.Unlisted[4] = true
	w.Tasks.Ends(ran, 0)
	w.Executions.Forget(w.Launch(w.Job(66))) // looked at after the run that has ended
	w.Executions.End(w.Idle(w.Job(6)))
	w.EditRunner(w.Idle(w.Job(7)), func(r *fleet.Runner) { *r, _ = r.BeginEnd("because", w.Now()) })
	w.EditRunner(w.Busy(w.Job(8)), closed(w))
	w.EditRunner(w.Idle(w.Job(9)), closed(w))
	w.EditRun("job-9", status(fleet.RunCancelled))
	silent := w.Idle(w.Job(10)) // it has a job of which GitHub sent no webhook
	w.GitHub.Runner(silent + ".1").Working = true
	w.EditRunner(silent, closed(w))
	w.EditRun("job-10", status(fleet.RunCancelled))
	lives(w, "fleet-99-1")
	w.Records.Miscount(1)
	delivers(w, "a500 b200")
	w.FailedEvents.Add(queuedEvent(w, w.Job(12)))
	old := w.Now().Add(-48 * time.Hour)
	w.Definitions.Add(family("fleet", 1), old)
	w.Definitions.Retire(w.Definitions.Add(family("fleet", 2), old), old)
	w.Definitions.Add(family("fleet-2", 1), old)
	w.EditRunner(silent, func(r *fleet.Runner) { r.TaskDefinition = w.Definitions.Add(family("fleet", 3), old) })
	w.EditRunner(running, func(r *fleet.Runner) { r.TaskDefinition = w.Definitions.Add(family("fleet", 4), old) })
	w.Pass(time.Minute)
	return w
}

// settle sweeps until nothing is left to repair.
func settle(t *testing.T) func(w *world) {
	return func(w *world) {
		for range 3 {
			w.Pass(grace)
			hear(t, w)
			goOn(t, w)
			if _, err := run(w); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEverythingAtOnce(t *testing.T) {
	w := broken(t)
	want := repairs{
		sweep.QueuedLost: 1, sweep.RunnerMissing: 1, sweep.InProgressLost: 1, sweep.CompletedLost: 1, sweep.DeliveryFailed: 1,
		sweep.ExecutionMissing: 1, sweep.ExecutionEnded: 1, sweep.EndingUnfinished: 1, sweep.TaskEventLost: 1,
		sweep.TaskOfClosedRunner: 2, sweep.RegistrationLeft: 1, sweep.Miscounted: 1,
		sweep.FailedEvent: 1, sweep.DefinitionUnused: 2,
	}
	if got := mustSweep(t, w); !maps.Equal(got, want) {
		t.Errorf("repaired %v\nwant     %v\n%s", got, want, w.State())
	}
	for _, has := range []int64{3, 8, 10} {
		if id := fleet.RunnerID("fleet", has, 1); w.Tasks.Asked(w.Runner(id).TaskARN) || w.GitHub.Runner(id+".1") == nil {
			t.Errorf("%s has a job and was stopped:\n%s", id, w.State())
		}
	}
}

func TestKilledAnywhere(t *testing.T) {
	lifecycletest.KillEverywhere(t, broken, func(w *world) error { _, err := run(w); return err }, settle(t))
}

// Another sweep runs during a sweep, at every point of it.
func TestTwoSweepsAtOnce(t *testing.T) {
	calm := broken(t)
	_, _ = calm.Suffer(lifecycletest.Fault{}, func() error { _, err := run(calm); return err })
	points := calm.Points()
	settle(t)(calm)
	for n := range points {
		w := broken(t)
		w.AfterPoint(n+1, func() {
			if _, err := run(w); err != nil {
				t.Errorf("the other sweep: %v", err)
			}
		})
		if _, err := w.Suffer(lifecycletest.Fault{}, func() error { _, err := run(w); return err }); err != nil {
			t.Errorf("with another after point %d: %v", n+1, err)
		}
		settle(t)(w)
		if got, want := w.State(), calm.State(); got != want {
			t.Fatalf("with another after point %d:\n%s\nwant\n%s", n+1, got, want)
		}
	}
}

// Whatever does not answer, the other parts do their work, the error says what was
// left, and no task that may have a job is stopped.
func TestWhatDoesNotAnswer(t *testing.T) {
	limited := lifecycletest.Limited(time.Minute)
	cases := map[string]struct {
		fail func(w *world)
		left []string
		done []sweep.Cause // among others
	}{
		"GitHub is down": {
			fail: func(w *world) { everything(w, fleet.Errorf(fleet.GitHubUnavailable, "down")) },
			left: []string{"jobs", "registrations", "tasks", "runners", "deliveries"},
			done: []sweep.Cause{sweep.ExecutionMissing, sweep.TaskEventLost, sweep.Miscounted},
		},
		"GitHub limits the rate": {
			fail: func(w *world) { everything(w, limited) },
			left: []string{"jobs", "registrations", "tasks", "runners", "deliveries"},
			done: []sweep.Cause{sweep.ExecutionMissing, sweep.TaskEventLost, sweep.Miscounted},
		},
		"the credential is wrong": {
			fail: func(w *world) { everything(w, fleet.Errorf(fleet.GitHubUnauthorized, "no")) },
			left: []string{"jobs", "registrations", "tasks", "runners", "deliveries"},
			done: []sweep.Cause{sweep.ExecutionMissing, sweep.TaskEventLost, sweep.Miscounted},
		},
		"GitHub lists no jobs": {
			fail: func(w *world) { w.GitHub.Fails["WorkflowRuns"] = limited },
			left: []string{"jobs"},
			done: []sweep.Cause{sweep.ExecutionEnded, sweep.TaskOfClosedRunner, sweep.RegistrationLeft, sweep.DeliveryFailed},
		},
		"GitHub deletes no runners": {
			fail: func(w *world) { w.GitHub.Fails["Delete"] = limited },
			left: []string{"registrations", "tasks", "runners"},
			done: []sweep.Cause{sweep.QueuedLost, sweep.CompletedLost, sweep.DeliveryFailed},
		},
		"the platform lists no tasks": {
			fail: func(w *world) { w.Tasks.Fails["Tasks"] = fleet.Errorf(fleet.RunnerLaunchUnclear, "no answer") },
			left: []string{"tasks"},
			done: []sweep.Cause{sweep.QueuedLost, sweep.ExecutionEnded, sweep.EndingUnfinished, sweep.Miscounted},
		},
		"the platform stops nothing": {
			fail: func(w *world) { w.Tasks.Fails["Stop"] = fleet.Errorf(fleet.RunnerLaunchUnclear, "no answer") },
			left: []string{"tasks", "runners"},
			done: []sweep.Cause{sweep.QueuedLost, sweep.TaskEventLost, sweep.Miscounted},
		},
		"the queue of failed events is down": {
			fail: func(w *world) { w.FailedEvents.Fails = fleet.Errorf(fleet.AWSUnavailable, "down") },
			left: []string{"failed events"},
			done: []sweep.Cause{sweep.QueuedLost, sweep.TaskEventLost, sweep.Miscounted, sweep.DefinitionUnused},
		},
		"task definitions may not be listed": {
			fail: func(w *world) { w.Definitions.Refuses = errors.New("no permission") },
			left: []string{"task definitions"},
			done: []sweep.Cause{sweep.QueuedLost, sweep.TaskEventLost, sweep.Miscounted, sweep.FailedEvent},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := broken(t)
			c.fail(w)
			got, err := run(w)
			if err == nil {
				t.Fatal("no error")
			}
			var left []string
			for _, part := range []string{"failed events", "jobs", "open runs", "registrations", "tasks", "runners", "deliveries", "room", "task definitions"} {
				if strings.Contains(err.Error(), "sweep "+part+": ") {
					left = append(left, part)
				}
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left %q, want %q: %v", left, c.left, err)
			}
			for _, cause := range c.done {
				if got[cause] == 0 {
					t.Errorf("%s is not repaired", cause)
				}
			}
			for _, claimed := range []int64{3, 8, 10} {
				if r := w.Runner(fleet.RunnerID("fleet", claimed, 1)); w.Tasks.Asked(r.TaskARN) {
					t.Errorf("the task of %s was stopped", r.RunnerID)
				}
			}
			w.GitHub.Fails, w.Tasks.Fails, w.FailedEvents.Fails, w.Definitions.Refuses = map[string]error{}, map[string]error{}, nil, nil
			w.Pass(time.Minute)
			settle(t)(w)
		})
	}
}

func everything(w *world, err error) {
	for _, method := range []string{"Job", "Registration", "Delete", "WorkflowRuns", "Registrations", "Deliveries", "Redeliver"} {
		w.GitHub.Fails[method] = err
	}
}

// hidden is a GitHub that does not show one repository.
type hidden struct {
	*lifecycletest.GitHub
	repository string
}

func (g hidden) WorkflowRuns(ctx context.Context, repository, status string, was fleet.Page[fleet.WorkflowRun]) (fleet.Page[fleet.WorkflowRun], error) {
	if repository == g.repository {
		return was, g.refuses()
	}
	return g.GitHub.WorkflowRuns(ctx, repository, status, was)
}

func (g hidden) RegistrationsPage(ctx context.Context, repository string, was fleet.Page[fleet.Registration]) (fleet.Page[fleet.Registration], error) {
	if repository == g.repository {
		return was, g.refuses()
	}
	return g.GitHub.RegistrationsPage(ctx, repository, was)
}

func (g hidden) refuses() error {
	return fleet.Errorf(fleet.GitHubNotFound, "GitHub does not show %s", g.repository)
}

// A repository that GitHub does not show must not keep the sweep from the others, and
// neither must a runner that fails keep it from the next.
func TestOneThatFailsDoesNotStopTheOthers(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	w.Executions.Forget(w.Launch(w.Job(1)))
	w.Executions.Forget(w.Launch(w.Job(2)))
	w.EditRunner("fleet-1-1", func(r *fleet.Runner) { r.RunID = "job-404" })
	w.Pass(grace)
	h := handler(w)
	h.Policy.Repositories = []string{"octo/hidden", lifecycletest.Repository}
	h.GitHub = hidden{w.GitHub, "octo/hidden"}
	got, err := h.Run(t.Context())
	if err == nil || got[sweep.QueuedLost] != 1 || got[sweep.ExecutionMissing] != 1 {
		t.Errorf("repaired %v, %v", got, err)
	}
	for _, text := range []string{"sweep jobs: GitHub does not show octo/hidden", "sweep registrations: ", "run job-404 has no record"} {
		if !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("the error lacks %q: %v", text, err)
		}
	}
	if w.Run(fleet.RunID(job.JobID)).RunnerID == "" {
		t.Error("the job of the second repository is not launched")
	}
}

// A task has no job, as far as our records say, and its registration is gone. A 404
// alone proves nothing, and neither does an incomplete list.
func TestNothingIsStoppedOnAGuess(t *testing.T) {
	down := fleet.Errorf(fleet.GitHubUnavailable, "down")
	cases := map[string]struct {
		setup   func(w *world) (arn string)
		stopped bool
	}{
		"its job runs, as GitHub says when it is asked": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Set(inProgress(w.Job(7), id+".1"))
			w.GitHub.Remove(id + ".1")
			w.GitHub.Fails["WorkflowRuns"] = down
			closeRunner(w, id)
			return "task-1"
		}, false},
		"GitHub does not say": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Remove(id + ".1")
			w.GitHub.Fails["WorkflowRuns"], w.GitHub.Fails["Job"] = down, down
			closeRunner(w, id)
			return "task-1"
		}, false},
		"GitHub does not know its job any more": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Gone(7)
			closeRunner(w, id)
			return "task-1"
		}, true},
		"it has no record, and not all registrations are known": {func(w *world) string {
			lives(w, "fleet-9-1")
			w.GitHub.Fails["Registrations"] = down
			return "task-of-fleet-9-1"
		}, false},
		"RunTask died before it noted the task": {func(w *world) string {
			w.EditRunner(w.Up(w.Job(7)), func(r *fleet.Runner) { r.TaskARN, r.TaskStatus = "", "" })
			return "task-1"
		}, false},
		"it has a job and the record has none: GitHub says busy": {func(w *world) string {
			id := w.Idle(w.Job(7))
			w.GitHub.Runner(id + ".1").Working = true
			w.EditRunner(id, func(r *fleet.Runner) { r.RunID, r.For = "job-404", "" })
			closeRunner(w, id)
			return "task-1"
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			arn := c.setup(w)
			w.Pass(grace)
			_, _ = run(w) // an error where GitHub is down
			if w.Tasks.Asked(arn) != c.stopped {
				t.Errorf("%s asked to stop: %t\n%s", arn, !c.stopped, w.State())
			}
		})
	}
}
