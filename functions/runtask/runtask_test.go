package runtask_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/dispatch"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func run(t *testing.T, w *world, id string) error { return runAfter(t, w, id, nil) }

// runAfter runs the step in a state machine that has caught an error.
func runAfter(t *testing.T, w *world, id string, caught *fleet.CaughtError) error {
	return runPlan(t, w, id, caught, fleet.Plan{Size: &fleet.Class{CPU: 1024, Memory: 2048, Spot: true}})
}

func runPlan(t *testing.T, w *world, id string, caught *fleet.CaughtError, plan fleet.Plan) error {
	step := runtask.Step{Fleet: w.Fleet(), Launcher: w.Tasks, ClaimURL: "https://fleet.example", ClaimKey: []byte("key")}
	wait, err := step.Run(t.Context(), fleet.Call{
		RunnerID: id, State: "RunTask", TaskToken: w.Executions.Token(id),
		Document: fleet.Document{
			Job:            w.GitHub.Has(7),
			Plan:           &plan,
			TaskDefinition: &fleet.TaskDefinitionPart{ARN: "definition"},
			Error:          caught,
		},
	})
	if wait != (fleet.Wait{}) {
		t.Errorf("the step returned %+v; the signaller's word counts", wait)
	}
	return err
}

func hear(t *testing.T, w *world, task fleet.Task) {
	t.Helper()
	if err := (dispatch.Handler{Fleet: w.Fleet(), Images: w.Images}).Handle(t.Context(), w.Event(fleet.TaskEvent, task)); err != nil {
		t.Fatal(err)
	}
}

func cancel(t *testing.T, w *world) {
	t.Helper()
	if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(7), "cancelled")); err != nil {
		t.Fatal(err)
	}
}

// The record has the subnets, so that a repeated launch asks for the same.
func TestSubnetsAreLeftOut(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	if _, _, err := w.Fleet().ChangeRunner(t.Context(), id, func(r fleet.Runner) (fleet.Runner, bool) {
		r.LeftOut = []string{"subnet-0a"}
		return r, true
	}); err != nil {
		t.Fatal(err)
	}
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	var launch fleet.TaskLaunch
	if err := json.Unmarshal([]byte(w.Tasks.Launches[0]), &launch); err != nil || !slices.Equal(launch.LeftOut, []string{"subnet-0a"}) {
		t.Errorf("launched without %q, %v", launch.LeftOut, err)
	}
}

func TestStarts(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	r := w.Runner(id)
	if r.TaskARN != w.Tasks.Of(id).ARN || r.WaitingFor != fleet.WaitForJob || r.At(fleet.StageTaskStarted).IsZero() {
		t.Errorf("the runner has task %q and waits for %q", r.TaskARN, r.WaitingFor)
	}
	var launch fleet.TaskLaunch
	if err := json.Unmarshal([]byte(w.Tasks.Launches[0]), &launch); err != nil {
		t.Fatal(err)
	}
	if launch.ClientToken != "fleet-7-1.0" || launch.RunnerID != id || launch.TaskDefinition != "definition" || launch.CapacityProvider != fleet.FargateSpot || launch.CPU != 1024 {
		t.Errorf("launched %+v", launch)
	}
	if !fleet.CheckClaimToken([][]byte{[]byte("key")}, id, launch.Env["CLAIM_TOKEN"]) || launch.Env["CLAIM_URL"] != "https://fleet.example/runners/fleet-7-1/claim" || launch.Env["RUNNER_ID"] != id {
		t.Errorf("environment %q", launch.Env)
	}
	if strings.Contains(w.Tasks.Launches[0], w.Runner(id).TaskToken) {
		t.Error("the task token is in the task")
	}
}

// A document of the release before has no limit, and neither does the usual one.
func TestLogLimitIsInTheEnvironment(t *testing.T) {
	for mib, want := range map[int]string{0: "", 64: "64"} {
		w := lifecycletest.New(t)
		if err := runPlan(t, w, w.Launch(w.Job(7)), nil, fleet.Plan{Size: &fleet.Class{CPU: 1024, Memory: 2048}, LogMiB: mib}); err != nil {
			t.Fatal(err)
		}
		var launch fleet.TaskLaunch
		if err := json.Unmarshal([]byte(w.Tasks.Launches[0]), &launch); err != nil {
			t.Fatal(err)
		}
		if got, ok := launch.Env["LOG_MIB"]; got != want || ok != (want != "") {
			t.Errorf("%d MiB: LOG_MIB is %q", mib, got)
		}
	}
}

func TestAgain(t *testing.T) {
	cases := map[string]struct {
		setup    func(t *testing.T, w *world) string
		err      string
		signal   string
		tasks    int
		launches int
	}{
		"its task is recorded: only the new token is stored": {
			setup: func(_ *testing.T, w *world) string { return w.Up(w.Job(7)) }, tasks: 1, launches: 1,
		},
		"it has taken its job meanwhile": {
			setup:  func(_ *testing.T, w *world) string { return w.Busy(w.Job(7)) },
			signal: `fleet-7-1 succeeded {"outcome":"took","seconds":1800}`, tasks: 1, launches: 1,
		},
		"late, after its task stopped": {
			setup: func(t *testing.T, w *world) string {
				id := w.Up(w.Job(7))
				hear(t, w, w.Tasks.Ends(id, 64))
				w.Executions.Signals = nil
				return id
			},
			signal: "fleet-7-1 failed Runner.StoppedEarly: the task stopped before the runner took a job: the entrypoint was started without what it needs; `ecsrunner runners logs fleet-7-1` shows what it said",
			tasks:  1, launches: 1,
		},
		"let go before it was started": {
			setup: func(t *testing.T, w *world) string { id := w.Launch(w.Job(7)); cancel(t, w); return id },
			err:   fleet.RunnerNotWanted,
		},
		"an operator ends it, and its job still waits": {
			setup: func(t *testing.T, w *world) string {
				id := w.Launch(w.Job(7))
				if _, err := w.Fleet().End(t.Context(), id, "by an operator"); err != nil {
					t.Fatal(err)
				}
				return id
			},
			err: fleet.RunnerNotWanted,
		},
		"closed": {
			setup: func(t *testing.T, w *world) string {
				id := w.Launch(w.Job(7))
				cancel(t, w)
				if _, _, err := w.Fleet().Finish(t.Context(), id, nil, "", ""); err != nil {
					t.Fatal(err)
				}
				return id
			},
			err: fleet.RunnerNotWanted,
		},
		"no job expects it any more": {
			setup: func(_ *testing.T, w *world) string {
				id := w.Launch(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) { r.For = "" })
				return id
			},
			err: fleet.RunnerNotWanted,
		},
		"it has a job, and its task was not recorded": {
			setup: func(t *testing.T, w *world) string {
				id := w.Launch(w.Job(7))
				if err := run(t, w, id); err != nil {
					t.Fatal(err)
				}
				w.EditRunner(id, func(r *fleet.Runner) { r.TaskARN, r.Took = "", 7 })
				w.Pass(25 * time.Hour)
				return id
			},
			signal: `fleet-7-1 succeeded {"outcome":"took","seconds":1800}`, tasks: 1, launches: 2,
		},
		"the platform refuses the task": {
			setup: func(_ *testing.T, w *world) string {
				w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerLaunchFailed, "no such role")
				return w.Launch(w.Job(7))
			},
			err: fleet.RunnerLaunchFailed, launches: 1,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := c.setup(t, w)
			w.Executions.Signals = nil
			if err := run(t, w, id); fleet.ErrorName(err) != c.err {
				t.Errorf("error %v, want %s", err, c.err)
			}
			var want []string
			if c.signal != "" {
				want = []string{c.signal}
			}
			if !slices.Equal(w.Executions.Signals, want) {
				t.Errorf("signals %q, want %q", w.Executions.Signals, want)
			}
			if w.Tasks.Count() != c.tasks || len(w.Tasks.Launches) != c.launches {
				t.Errorf("%d tasks by %q", w.Tasks.Count(), w.Tasks.Launches)
			}
			if r := w.Runner(id); r.Phase == fleet.Closed && r.TaskToken != "" {
				t.Error("a closed runner keeps a token")
			}
		})
	}
}

func TestNoCapacityAdvancesTheRung(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerNoCapacity, "no Spot capacity")
	for range 2 {
		if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerNoCapacity {
			t.Fatal(err)
		}
	}
	delete(w.Tasks.Fails, "Launch")
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	if w.Runner(id).Rung != 2 || w.Tasks.Count() != 1 {
		t.Errorf("rung %d and %d tasks", w.Runner(id).Rung, w.Tasks.Count())
	}
	for rung, text := range w.Tasks.Launches {
		var l fleet.TaskLaunch
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		token, provider := fmt.Sprintf("%s.%d", id, rung), []fleet.CapacityProvider{fleet.FargateSpot, fleet.Fargate, fleet.Fargate}[rung]
		if l.ClientToken != token || l.CapacityProvider != provider {
			t.Errorf("rung %d: token %s on %s, want %s on %s", rung, l.ClientToken, l.CapacityProvider, token, provider)
		}
	}
}

// The state machine goes back to RegisterTaskDefinition at once, so it may do so only
// one time.
func TestADefinitionThatStaysAway(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerDefinitionGone, "TaskDefinition is inactive")
	for caught, want := range map[string]string{
		"":                         fleet.RunnerDefinitionGone,
		"States.Timeout":           fleet.RunnerDefinitionGone,
		fleet.RunnerDefinitionGone: fleet.RunnerLaunchUnclear,
	} {
		var e *fleet.CaughtError
		if caught != "" {
			e = &fleet.CaughtError{Error: caught}
		}
		if err := runAfter(t, w, id, e); fleet.ErrorName(err) != want {
			t.Errorf("after %q: %v, want %s", caught, err, want)
		}
	}
}

// Two tries of one rung that both find no room are one failure.
func TestOneFailureOneRung(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerNoCapacity, "no room")
	w.After("Tasks.Launch", func() {
		if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerNoCapacity {
			t.Error(err)
		}
	})
	if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerNoCapacity {
		t.Fatal(err)
	}
	if r := w.Runner(id); r.Rung != 1 || r.Reason != "Runner.NoCapacity: no room" {
		t.Errorf("rung %d: %s", r.Rung, r.Reason)
	}
}

// The answer of a slow try comes after another try has started the task.
func TestALateFailureChangesNothing(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerNoCapacity, "no room")
	w.After("Tasks.Launch", func() {
		delete(w.Tasks.Fails, "Launch")
		if err := run(t, w, id); err != nil {
			t.Error(err)
		}
	})
	if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerNoCapacity {
		t.Fatal(err)
	}
	if r := w.Runner(id); r.TaskARN == "" || r.Rung != 0 || r.Reason != "" {
		t.Errorf("with its task started: task %q, rung %d, reason %q", r.TaskARN, r.Rung, r.Reason)
	}
}

func TestAnUnclearAnswerRepeatsTheSame(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerLaunchUnclear, "time-out")
	if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerLaunchUnclear {
		t.Fatal(err)
	}
	delete(w.Tasks.Fails, "Launch")
	w.Pass(time.Minute)
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	if len(w.Tasks.Launches) != 2 || w.Tasks.Launches[0] != w.Tasks.Launches[1] {
		t.Errorf("launched\n%s", strings.Join(w.Tasks.Launches, "\n"))
	}
}

func TestLetGoWhileLaunching(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.After("Tasks.Launch", func() { cancel(t, w) })
	if err := run(t, w, id); fleet.ErrorName(err) != fleet.RunnerNotWanted {
		t.Errorf("error %v", err)
	}
	if !w.Tasks.Asked(w.Tasks.Of(id).ARN) {
		t.Error("the task goes on")
	}
}

func TestTheTaskStopsBeforeRunTaskHasNotedIt(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.After("Tasks.Launch", func() { hear(t, w, w.Tasks.Ends(id, 1)) })
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	if len(w.Executions.Signals) != 1 || !strings.Contains(w.Executions.Signals[0], "failed Runner.StoppedEarly") {
		t.Errorf("signals %q", w.Executions.Signals)
	}
}

// An earlier attempt started the task and died before it recorded it, and the task took a job:
// the token completes.
func TestTheRunnerTookAJobBeforeRunTaskHasNotedItsTask(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.After("Tasks.Launch", func() {
		w.EditRunner(id, func(r *fleet.Runner) { r.Took = 7 })
	})
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	if want := []string{`fleet-7-1 succeeded {"outcome":"took","seconds":1800}`}; !slices.Equal(w.Executions.Signals, want) {
		t.Errorf("signals %q", w.Executions.Signals)
	}
}

// An attempt that Step Functions has given up hears from ECS when the runner has long had its
// job: what the execution waits for now stays.
func TestALateAttemptLeavesTheTokenOfALaterState(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	w.After("Tasks.Launch", func() {
		w.EditRunner(id, func(r *fleet.Runner) {
			r.TaskARN, r.Took, r.TaskToken, r.WaitingFor = w.Tasks.Of(id).ARN, 7, "of AwaitCompletion", fleet.WaitForStopped
		})
	})
	if err := run(t, w, id); err != nil {
		t.Fatal(err)
	}
	if r := w.Runner(id); r.TaskToken != "of AwaitCompletion" || r.WaitingFor != fleet.WaitForStopped {
		t.Errorf("it waits for %s, with token %q", r.WaitingFor, r.TaskToken)
	}
}

// RunTask is called while AwaitCompletion's token is stored: too late, if the runner has its
// job, and rightly, if it only seemed busy and waits for its job again.
func TestTheTokenOfAwaitCompletionStaysWithAJob(t *testing.T) {
	for name, c := range map[string]struct {
		runner func(w *world, job fleet.Job) string
		waits  string
	}{
		"a runner with a job":                  {(*world).Busy, fleet.WaitForStopped},
		"a runner that only seemed to be busy": {(*world).Up, fleet.WaitForJob},
	} {
		w := lifecycletest.New(t)
		id := c.runner(w, w.Job(7))
		w.EditRunner(id, func(r *fleet.Runner) { r.TaskToken, r.WaitingFor = "of AwaitCompletion", fleet.WaitForStopped })
		if err := run(t, w, id); err != nil {
			t.Fatal(err)
		}
		if r := w.Runner(id); r.WaitingFor != c.waits || (r.TaskToken == "of AwaitCompletion") != (c.waits == fleet.WaitForStopped) {
			t.Errorf("%s waits for %s, with token %q", name, r.WaitingFor, r.TaskToken)
		}
	}
}

// A launch that failed leaves no token behind: its state has ended, and the next attempt has
// another.
func TestALaunchThatFailedStoresNoToken(t *testing.T) {
	for _, name := range []string{fleet.RunnerNoCapacity, fleet.RunnerLaunchUnclear, fleet.RunnerDefinitionGone} {
		w := lifecycletest.New(t)
		id := w.Launch(w.Job(7))
		w.Tasks.Fails["Launch"] = fleet.Errorf(name, "not now")
		if err := run(t, w, id); fleet.ErrorName(err) != name || w.Runner(id).TaskToken != "" {
			t.Errorf("after %s: %v, and %q is stored", name, err, w.Runner(id).TaskToken)
		}
	}
}

func TestKilled(t *testing.T) {
	cases := map[string]struct {
		setup  func(w *world)
		settle func(w *world)
	}{
		"it starts":               {setup: func(w *world) { w.Launch(w.Job(7)) }},
		"its task is recorded":    {setup: func(w *world) { w.Up(w.Job(7)) }},
		"it has taken its job":    {setup: func(w *world) { w.Busy(w.Job(7)) }},
		"let go before":           {setup: func(w *world) { w.Launch(w.Job(7)); cancel(t, w) }},
		"its task stopped before": {setup: func(w *world) { hear(t, w, w.Tasks.Ends(w.Up(w.Job(7)), 1)) }},
		"let go while launching": {
			setup: func(w *world) {
				w.Launch(w.Job(7))
				w.After("Tasks.Launch", func() { cancel(t, w) })
			},
			settle: func(w *world) { hear(t, w, w.Tasks.Runs("fleet-7-1")) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); c.setup(w); return w },
				func(w *world) error { return run(t, w, "fleet-7-1") }, c.settle)
		})
	}
}

// A run without capacity may be killed as well: no rung is ever skipped.
func TestKilledWithoutCapacity(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *world { w := lifecycletest.New(t); w.Launch(w.Job(7)); return w },
		func(w *world) error {
			w.Tasks.Fails["Launch"] = nil
			if w.Runner("fleet-7-1").Rung == 0 {
				w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerNoCapacity, "no room")
			}
			err := run(t, w, "fleet-7-1")
			if fleet.IsNamed(err, fleet.RunnerNoCapacity) {
				delete(w.Tasks.Fails, "Launch")
				err = run(t, w, "fleet-7-1")
			}
			return err
		}, nil)
}
