package operate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

var hooks = []operate.Hook{{Repository: lifecycletest.Repository, HookID: 5, Command: "gh api -X DELETE repos/octo/repo/hooks/5"}}

func (w *world) drain(now bool) operate.DrainResult {
	w.t.Helper()
	res, err := w.operator().Drain(w.t.Context(), now, ada, w.progress)
	w.must(err)
	return res
}

func (w *world) is(what string, got, want any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s\n%s", what, diff, strings.Join(w.lines, "\n"))
	}
}

func TestDrainNow(t *testing.T) {
	w := full(t, 10, 0, 5)
	got := w.drain(true)
	w.is("result", got, operate.DrainResult{
		FleetName: "fleet", Waiting: 6, RunnersEnded: 1, JobsStopped: 10, Builds: 1, Registrations: 1,
		Deregistered: 12, Deleted: 12, Hooks: hooks, Problems: []operate.Problem{},
	})
	w.is("left", w.left(), others)
	if w.waited > time.Minute {
		t.Errorf("it waited for %s", w.waited)
	}
	for id := int64(12); id <= 16; id++ {
		if run := w.Run(fleet.RunID(id)); run.Status != fleet.RunQueued || run.Reason != "the fleet is paused: drained" {
			t.Errorf("%s: %s, %q", run.RunID, run.Status, run.Reason)
		}
	}
	w.lines, w.waited = nil, 0
	again := w.drain(true)
	w.is("again", again, operate.DrainResult{FleetName: "fleet", Already: true, Waiting: 6, Hooks: hooks, Problems: []operate.Problem{}})
	w.is("progress of a drain with nothing to do", w.lines, []string(nil))
}

func TestDrainLetsJobsFinish(t *testing.T) {
	w := full(t, 2, 3, 1)
	began := w.Now()
	w.onWait = func() {
		for id := int64(1); id <= 2; id++ {
			runnerID := fmt.Sprintf("fleet-%d-1", id)
			if w.Now().Sub(began) < time.Duration(id)*time.Hour || w.Runner(runnerID).Phase == fleet.Closed {
				continue
			}
			w.Undisturbed(func() {
				w.GitHub.Remove(fleet.RunnerName(runnerID, 1))
				w.finish(runnerID, "success")
				w.dispatch(fleet.TaskEvent, w.Tasks.Ends(runnerID, 0))
			})
		}
	}
	got := w.drain(false)
	w.is("result", got, operate.DrainResult{
		FleetName: "fleet", Waiting: 5, RunnersEnded: 4, Builds: 1, Registrations: 1,
		Deregistered: 12, Deleted: 12, Hooks: hooks, Problems: []operate.Problem{},
	})
	w.is("left", w.left(), others)
	for id := int64(1); id <= 2; id++ {
		if run := w.Run(fleet.RunID(id)); run.Conclusion != "success" {
			t.Errorf("%s: %s", run.RunID, run.Conclusion)
		}
	}
	if w.waited < 2*time.Hour {
		t.Errorf("it waited for %s", w.waited)
	}
	if n := len(slices.DeleteFunc(slices.Clone(w.lines), func(l string) bool { return !strings.HasPrefix(l, "waiting: ") })); n > 5 {
		t.Errorf("it says %d times for what it waits:\n%s", n, strings.Join(w.lines, "\n"))
	}
}

func TestDrainIsCutShort(t *testing.T) {
	t.Run("by the operator who asked for it", func(t *testing.T) {
		w := full(t, 1, 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		w.onWait = cancel
		_, err := w.operator().Drain(ctx, false, ada, w.progress)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "it stays paused") {
			t.Errorf("%v", err)
		}
		if run := w.Run("job-4"); run.Reason != "the fleet is paused: drained" || w.Builds.Fails != nil {
			t.Errorf("%q", run.Reason)
		}
		if w.Tasks.Asked(w.Tasks.Of("fleet-1-1").ARN) {
			t.Error("the busy runner is stopped")
		}
	})
	t.Run("by somebody who resumes the fleet", func(t *testing.T) {
		w := full(t, 1, 1, 1)
		w.onWait = func() {
			w.Undisturbed(func() {
				_, _, err := w.Fleet().Resume(t.Context(), ada.Act(fleet.CommandResume, "r", w.Now()))
				w.must(err)
			})
		}
		if _, err := w.operator().Drain(t.Context(), true, ada, w.progress); err == nil || !strings.Contains(err.Error(), "resumed meanwhile") {
			t.Errorf("%v", err)
		}
		if n := w.Definitions.Count(); n != 13 {
			t.Errorf("%d task definitions are left", n)
		}
	})
}

// An execution that does not end by itself is stopped, and what cannot be stopped is
// reported.
func TestDrainOfWhatDoesNotEnd(t *testing.T) {
	t.Run("an execution", func(t *testing.T) {
		w := full(t, 0, 1, 0)
		w.stubborn["fleet-2-1"] = true // that of the build
		got := w.drain(true)
		if !got.Complete() || got.Executions != 1 || !slices.Equal(w.Control.Stopped, []string{"fleet-2-1"}) {
			t.Errorf("%+v, stopped %q", got, w.Control.Stopped)
		}
		if run, r := w.Run("job-2"), w.Runner("fleet-2-1"); run.Fruitless != 0 || r.Status != fleet.RunnerOffline || r.Reason != "drained" {
			t.Errorf("that counts as a failure: %+v %+v", run, r)
		}
		w.is("left", w.left(), others)
	})
	t.Run("a task", func(t *testing.T) {
		w := full(t, 1, 0, 0)
		w.stubborn["fleet-1-1"] = true
		got := w.drain(true)
		if got.Complete() || got.Already || got.Executions != 1 {
			t.Errorf("%+v", got)
		}
		w.is("problems", got.Problems, []operate.Problem{
			{What: "stop the tasks", Reason: "after some minutes there is still 1 task; drain again"},
			{What: "delete registration fleet-1-1.1 in octo/repo", Reason: "GitHub says that it has a job; it gives a runner up some minutes after that was stopped: drain again then"},
		})
		w.stubborn, w.lines = map[string]bool{}, nil
		if again := w.drain(true); !again.Complete() {
			t.Errorf("again: %+v", again)
		}
		w.is("left", w.left(), others)
	})
	t.Run("a build", func(t *testing.T) {
		w := full(t, 0, 0, 0)
		w.Builds.Lasting = true
		w.is("problems", w.drain(true).Problems, []operate.Problem{{What: "stop the image builds", Reason: "after some minutes there is still 1 build; drain again"}})
	})
	t.Run("a task of a closed runner", func(t *testing.T) {
		w := full(t, 0, 0, 0)
		w.Tasks.Add("task-left", "fleet-77-1")
		if got := w.drain(false); got.Complete() || w.Tasks.Asked("task-left") {
			t.Errorf("it may have a job: %+v", got)
		}
		if got := w.drain(true); !got.Complete() || got.Tasks != 1 {
			t.Errorf("%+v", got)
		}
		w.is("left", w.left(), others)
	})
}

func TestDrainGoesOnWhereItCan(t *testing.T) {
	w := full(t, 1, 1, 1)
	refused := fleet.Errorf(fleet.GitHubUnauthorized, "bad credentials")
	for _, method := range []string{"Registrations", "Hooks"} {
		w.GitHub.Fails[method] = refused
	}
	w.Definitions.Undeletable = errors.New("not allowed")
	got := w.drain(true)
	w.is("problems", got.Problems, []operate.Problem{
		{What: "delete the registrations on GitHub", Reason: "octo/repo: bad credentials"},
		{What: "delete the task definitions", Reason: "not allowed\nnot allowed"},
	})
	w.is("hooks", got.Hooks, []operate.Hook{{
		Repository: lifecycletest.Repository,
		Command:    `gh api repos/octo/repo/hooks --jq '.[] | select(.config.url == "https://fleet.example/webhook") | .id'`,
	}})
	if got.Deregistered != 12 || got.JobsStopped != 1 || got.Builds != 1 {
		t.Errorf("%+v", got)
	}
}

// Runners of an enterprise are deleted there, those of another fleet of its name are not, and
// its organizations may have webhooks.
func TestDrainInAnEnterprise(t *testing.T) {
	w := newWorld(t)
	w.GitHub.Fails["Hooks"] = fleet.Errorf(fleet.GitHubUnauthorized, "bad credentials")
	const place = "/corp"
	for _, name := range []string{"fleet-1-1", "fleet-900-1"} {
		if _, _, err := w.GitHub.Register(t.Context(), place, fleet.RunnerName(name, 1), []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	w.EditRunner(w.Launch(w.Job(1)), func(r *fleet.Runner) { r.RegisteredIn, r.Phase = place, fleet.Closed })
	operator := w.operator()
	operator.Fleet.SharedPlace = place
	got, err := operator.Drain(t.Context(), true, ada, w.progress)
	w.must(err)
	w.is("hooks", got.Hooks, []operate.Hook{
		{Repository: "octo", Command: `gh api orgs/octo/hooks --jq '.[] | select(.config.url == "https://fleet.example/webhook") | .id'`},
		{Repository: "octo/repo", Command: `gh api repos/octo/repo/hooks --jq '.[] | select(.config.url == "https://fleet.example/webhook") | .id'`},
	})
	if left := w.GitHub.Names(); slices.Contains(left, fleet.RunnerName("fleet-1-1", 1)) || !slices.Contains(left, fleet.RunnerName("fleet-900-1", 1)) {
		t.Errorf("registrations left: %q", left)
	}
}

// A drain that lets jobs finish does nothing further while it does not know that
// they have finished: the rest is theirs.
func TestDrainLeavesWhatMayHaveAJob(t *testing.T) {
	w := full(t, 1, 1, 1)
	w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnauthorized, "bad credentials")
	got := w.drain(false)
	w.is("problems", got.Problems, []operate.Problem{{What: "end the runners", Reason: "end runner fleet-2-1: bad credentials"}})
	if len(w.Control.Stopped) > 0 || got.Builds > 0 || got.Deregistered > 0 || w.Tasks.Asked(w.Tasks.Of("fleet-1-1").ARN) {
		t.Errorf("%+v", got)
	}
}

func TestDrainKilledEverywhere(t *testing.T) {
	worlds := map[*lifecycletest.World]*world{}
	setup := func(t *testing.T) *lifecycletest.World {
		w := full(t, 1, 1, 1)
		w.stubborn["fleet-3-1"] = true // its execution must be stopped
		w.pace = 20
		worlds[w.World] = w
		return w.World
	}
	lifecycletest.KillEverywhere(t, setup, func(inner *lifecycletest.World) error {
		res, err := worlds[inner].operator().Drain(context.Background(), true, ada, worlds[inner].progress)
		if err == nil && !res.Complete() {
			err = fmt.Errorf("left: %+v", res.Problems)
		}
		return err
	}, func(inner *lifecycletest.World) { // Step Functions reports what was stopped
		for _, name := range inner.Control.Stopped {
			worlds[inner].dispatch(fleet.ExecutionEvent, fleet.ExecutionEnded{Name: name, Status: "ABORTED", Error: fleet.RunnerNotWanted, Cause: "drained"})
		}
	})
}
