package recordstatus_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/recordstatus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

type world = lifecycletest.World

func run(t *testing.T, w *world, state, id string, doc fleet.Document) (fleet.Result, error) {
	call := fleet.Call{RunnerID: id, State: state, Document: doc}
	if state == recordstatus.AwaitCompletion {
		call.TaskToken = w.Executions.Token(id)
	}
	return recordstatus.Step{Fleet: w.Fleet(), Images: w.Images, Bus: w.Bus, NewID: w.NewID}.Run(t.Context(), call)
}

func caught(name, cause string) fleet.Document {
	return fleet.Document{Error: &fleet.CaughtError{Error: name, Cause: cause}}
}

func TestAwaitCompletion(t *testing.T) {
	t.Run("stores the token and waits", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Busy(w.Job(7))
		w.Executions.Signals = nil
		if _, err := run(t, w, recordstatus.AwaitCompletion, id, fleet.Document{}); err != nil {
			t.Fatal(err)
		}
		if r := w.Runner(id); r.WaitingFor != fleet.WaitForStopped || r.Status != fleet.RunnerRunning || !w.Executions.Open(id) {
			t.Errorf("waits for %q, signals %q", r.WaitingFor, w.Executions.Signals)
		}
	})
	t.Run("completes at once if the task has stopped", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Busy(w.Job(7))
		w.Executions.Signals = nil
		w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped })
		if _, err := run(t, w, recordstatus.AwaitCompletion, id, fleet.Document{}); err != nil {
			t.Fatal(err)
		}
		if len(w.Executions.Signals) != 1 || w.Executions.Signals[0] != id+` succeeded {"outcome":"stopped","seconds":1}` {
			t.Errorf("signals %q", w.Executions.Signals)
		}
	})
	t.Run("late, for a closed runner", func(t *testing.T) {
		w := lifecycletest.New(t)
		id := w.Busy(w.Job(7))
		w.Executions.Signals = nil
		w.EditRunner(id, func(r *fleet.Runner) { r.Phase = fleet.Closed; *r = r.Forget() })
		if _, err := run(t, w, recordstatus.AwaitCompletion, id, fleet.Document{}); err != nil {
			t.Fatal(err)
		}
		if len(w.Executions.Signals) != 1 || w.Runner(id).TaskToken != "" {
			t.Errorf("signals %q, token %q", w.Executions.Signals, w.Runner(id).TaskToken)
		}
	})
}

func TestClose(t *testing.T) {
	cases := map[string]struct {
		setup  func(w *world) string
		state  string
		doc    fleet.Document
		result fleet.Result // without Cause
		reason string       // in the run's
	}{
		"its job is completed: the run closes with GitHub's word": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Busy(job)
				w.Tasks.Ends(id, 0)
				w.GitHub.Set(lifecycletest.Completed(lifecycletest.InProgress(job, id+".1"), "failure"))
				return id
			},
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunCompleted, Conclusion: "failure"},
		},
		"the webhook had closed the run": {
			setup: func(w *world) string {
				job := w.Job(7)
				id := w.Busy(job)
				_ = w.Fleet().Completed(t.Context(), lifecycletest.Completed(lifecycletest.InProgress(job, id+".1"), "success"))
				return id
			},
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunCompleted, Conclusion: "success"},
		},
		"GitHub has not finished the job: the run stays RUNNING": {
			setup:  func(w *world) string { return w.Busy(w.Job(7)) },
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunRunning},
			reason: "GitHub has not reported the end",
		},
		"GitHub does not say: the run stays RUNNING": {
			setup: func(w *world) string {
				id := w.Busy(w.Job(7))
				w.GitHub.Fails["Job"] = fleet.Errorf(fleet.GitHubUnavailable, "down")
				return id
			},
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunRunning},
			reason: "GitHub has not reported the end",
		},
		"refused: the run says by which rule": {
			setup:  func(w *world) string { return w.Launch(w.Job(7)) },
			doc:    fleet.Document{Plan: &fleet.Plan{Decision: fleet.Refused, Rule: "class.unknown", Reason: "no such class"}},
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunRefused},
			reason: "no such class",
		},
		"let go and its run wanted: the next runner": {
			setup:  func(w *world) string { return w.Idle(w.Job(7)) },
			result: fleet.Result{RunnerStatus: fleet.RunnerOffline, RunStatus: fleet.RunQueued, Next: "fleet-7-2"},
		},
		"stopped early: tried again later": {
			setup:  func(w *world) string { return w.Up(w.Job(7)) },
			state:  recordstatus.RecordFailure,
			doc:    caught(fleet.RunnerStoppedEarly, "the task stopped"),
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunQueued, Error: fleet.RunnerStoppedEarly},
			reason: "",
		},
		"a task that found no address: its record says more than the signal": {
			setup: func(w *world) string {
				id := w.Up(w.Job(7))
				w.EditRunner(id, func(r *fleet.Runner) {
					r.TaskStatus, r.StopCode, r.StoppedReason = fleet.TaskStopped, fleet.StopTaskFailedToStart, "InsufficientFreeAddressesInSubnet"
				})
				return id
			},
			state:  recordstatus.RecordFailure,
			doc:    caught(fleet.RunnerStoppedEarly, "the task stopped"),
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunQueued, Error: fleet.RunnerNoCapacity},
		},
		"reaped: what InspectRunner found, not the time-out before it": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				_, _ = w.Fleet().End(t.Context(), id, "idle")
				return id
			},
			state: recordstatus.RecordFailure,
			doc: fleet.Document{
				Error: &fleet.CaughtError{Error: "States.HeartbeatTimeout"},
				Wait:  &fleet.Wait{Outcome: fleet.OutcomeReaped, Error: fleet.RunnerIdleTimeout, Cause: "idle"},
			},
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunQueued, Error: fleet.RunnerIdleTimeout},
		},
		"the image cannot be built: tried again later": {
			setup:  func(w *world) string { return w.Launch(w.Job(7)) },
			state:  recordstatus.RecordFailure,
			doc:    caught(fleet.ImageBuildFailed, "typo"),
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunQueued, Error: fleet.ImageBuildFailed},
			reason: "Image.BuildFailed: typo",
		},
		"GitHub refuses the credential: tried again later, although nothing can be asked": {
			setup: func(w *world) string {
				id := w.Idle(w.Job(7))
				w.GitHub.Fails["Registration"] = fleet.Errorf(fleet.GitHubUnauthorized, "401")
				return id
			},
			state:  recordstatus.RecordFailure,
			doc:    caught(fleet.GitHubUnauthorized, "401"),
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunQueued, Error: fleet.GitHubUnauthorized},
			reason: "GitHub.Unauthorized: 401",
		},
		"the execution failed while the job runs: the run goes on": {
			setup:  func(w *world) string { return w.Busy(w.Job(7)) },
			state:  recordstatus.RecordFailure,
			doc:    caught("States.Runtime", "a bug"),
			result: fleet.Result{RunnerStatus: fleet.RunnerFailed, RunStatus: fleet.RunRunning, Error: "States.Runtime"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := c.setup(w)
			state := c.state
			if state == "" {
				state = recordstatus.RecordStatus
			}
			got, err := run(t, w, state, id, c.doc)
			if err != nil {
				t.Fatal(err)
			}
			if got.Cause == "" != (got.Error == "") {
				t.Errorf("error %q with cause %q: Fail needs both", got.Error, got.Cause)
			}
			if got.Cause = ""; got != c.result {
				t.Errorf("got  %+v\nwant %+v", got, c.result)
			}
			r, run := w.Runner(id), w.Run("job-7")
			if r.Phase != fleet.Closed || r.TaskToken != "" || r.For == "job-7" && r.Took == 0 && run.RunnerID == "" {
				t.Errorf("the runner is %s, for %q", r.Phase, r.For)
			}
			if !strings.Contains(run.Reason, c.reason) {
				t.Errorf("the run's reason is %q", run.Reason)
			}
			if run.RunnerID != c.result.Next && run.RanOn == "" {
				t.Errorf("the run expects %q", run.RunnerID)
			}
			if len(w.Bus.Events) != 1 || w.Bus.Events[0].DetailType != fleet.RunnerStatusEvent {
				t.Errorf("%d events on the bus", len(w.Bus.Events))
			}
		})
	}
}

func TestAFailedRunnerIsTakenAway(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	if _, err := run(t, w, recordstatus.RecordFailure, id, caught(fleet.RunnerIdleTimeout, "idle")); err != nil {
		t.Fatal(err)
	}
	if !w.Tasks.Asked(w.Runner(id).TaskARN) || len(w.GitHub.Names()) != 0 {
		t.Errorf("left behind:\n%s", w.State())
	}
}

// GitHub went down between CLOSING and the deletion, and RunTask then found that the
// runner was not wanted.
func TestAnEndThatWasCutShortIsGoneOnWith(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "down")
	if _, err := w.Fleet().End(t.Context(), id, "idle"); err == nil {
		t.Fatal("no error")
	}
	delete(w.GitHub.Fails, "Delete")
	if _, err := run(t, w, recordstatus.RecordStatus, id, caught(fleet.RunnerNotWanted, "idle")); err != nil {
		t.Fatal(err)
	}
	if !w.Tasks.Asked(w.Runner(id).TaskARN) || len(w.GitHub.Names()) != 0 {
		t.Errorf("left behind:\n%s", w.State())
	}
}

func TestARegistrationWhoseAnswerWasLostIsTakenAway(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Busy(w.Job(7))
	_, _, _ = w.GitHub.Register(t.Context(), lifecycletest.Repository, id+".2", nil)
	w.EditRunner(id, func(r *fleet.Runner) { r.Claims, r.RegistrationID, r.ExitCode = 2, 0, new(int) })
	w.GitHub.Remove(id + ".1")
	if _, err := run(t, w, recordstatus.RecordStatus, id, fleet.Document{}); err != nil || len(w.GitHub.Names()) != 0 {
		t.Errorf("%v; GitHub still has %q", err, w.GitHub.Names())
	}
}

func TestGitHubIsAskedAgain(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Fails["Delete"] = fleet.Errorf(fleet.GitHubUnavailable, "down")
	if _, err := run(t, w, recordstatus.RecordFailure, id, caught(fleet.RunnerIdleTimeout, "idle")); fleet.ErrorName(err) != fleet.GitHubUnavailable {
		t.Errorf("error %v: Step Functions retries GitHub.Unavailable", err)
	}
	if w.Runner(id).Phase == fleet.Closed {
		t.Error("closed with its registration left")
	}
}

func TestNoSetbackIsFinal(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Launch(w.Job(7))
	for n, pause := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
		if want := fmt.Sprintf("fleet-7-%d", n+1); id != want {
			t.Fatalf("runner %q, want %q", id, want)
		}
		w.EditRunner(id, func(r *fleet.Runner) { r.ExitCode = new(int); *r.ExitCode = fleet.ExitRunnerNotFound })
		result, err := run(t, w, recordstatus.RecordFailure, id, caught(fleet.RunnerStoppedEarly, "it fell over"))
		if err != nil || result.Next != "" {
			t.Fatalf("next %q, %v", result.Next, err)
		}
		if r := w.Run("job-7"); r.Shown() != fleet.RunRetrying || r.Reason != "Runner.StoppedEarly: it fell over" {
			t.Errorf("the run is %s: %s", r.Shown(), r.Reason)
		}
		w.Pass(pause - time.Second)
		if next := launch(t, w, "job-7"); next != "" {
			t.Errorf("%s was launched before %s had passed", next, pause)
		}
		w.Pass(time.Second)
		id = launch(t, w, "job-7")
	}
}

func launch(t *testing.T, w *world, runID string) string {
	t.Helper()
	id, err := w.Fleet().Launch(t.Context(), runID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAFreePlaceGoesToAWaitingRun(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 1
	id := w.Busy(w.Job(7))
	w.Pass(time.Second)
	if next := w.Launch(w.Job(8)); next != "" {
		t.Fatalf("launched %s without room", next)
	}
	if _, err := run(t, w, recordstatus.RecordStatus, id, fleet.Document{}); err != nil {
		t.Fatal(err)
	}
	if r := w.Run("job-8"); r.RunnerID != "fleet-8-1" || r.WaitsForRoom {
		t.Errorf("the run that waited expects %q", r.RunnerID)
	}
}

func TestPlainCause(t *testing.T) {
	cases := map[string]struct{ cause, want string }{
		"what Lambda reports":  {`{"errorMessage":"no room","errorType":"Runner.NoCapacity"}`, "no room"},
		"a sentence":           {"no room", "no room"},
		"JSON of another kind": {`{"message":"no room"}`, `{"message":"no room"}`},
		"none":                 {"", "Runner.LaunchFailed, without a cause"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			got, err := run(t, w, recordstatus.RecordFailure, w.Launch(w.Job(7)), caught(fleet.RunnerLaunchFailed, c.cause))
			if err != nil || got.Cause != c.want || got.Error != fleet.RunnerLaunchFailed {
				t.Errorf("%q: %q, %v", got.Error, got.Cause, err)
			}
		})
	}
}

func TestWithoutAnError(t *testing.T) {
	w := lifecycletest.New(t)
	got, err := run(t, w, recordstatus.RecordFailure, w.Launch(w.Job(7)), fleet.Document{})
	if err != nil || got.Error != "States.Runtime" || got.Cause == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheEventHasNoToken(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Busy(w.Job(7))
	token := w.Runner(id).TaskToken
	if _, err := run(t, w, recordstatus.RecordStatus, id, fleet.Document{}); err != nil {
		t.Fatal(err)
	}
	var detail struct {
		Runner fleet.Runner `json:"runner"`
		Run    fleet.Run    `json:"run"`
	}
	if err := json.Unmarshal(w.Bus.Events[0].Detail, &detail); err != nil {
		t.Fatal(err)
	}
	if token == "" || strings.Contains(string(w.Bus.Events[0].Detail), token) || detail.Runner.RunnerID != id || detail.Run.RunID != "job-7" {
		t.Errorf("event %s", w.Bus.Events[0].Detail)
	}
}

func TestUnknownState(t *testing.T) {
	w := lifecycletest.New(t)
	if _, err := run(t, w, "RecordSuccess", w.Launch(w.Job(7)), fleet.Document{}); err == nil {
		t.Error("no error")
	}
}

func TestKilled(t *testing.T) {
	cases := map[string]struct {
		setup func(w *world)
		state string
		doc   fleet.Document
	}{
		"the job runs": {setup: func(w *world) { w.Busy(w.Job(7)) }, state: recordstatus.AwaitCompletion},
		"the task is out": {setup: func(w *world) {
			id := w.Busy(w.Job(7))
			w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped })
		}, state: recordstatus.AwaitCompletion},
		"the job is done": {
			setup: func(w *world) {
				id := w.Busy(w.Job(7))
				w.GitHub.Set(lifecycletest.Completed(lifecycletest.InProgress(w.Job(7), id+".1"), "success"))
			},
			state: recordstatus.RecordStatus,
		},
		"a run waits for its place": {
			setup: func(w *world) { w.MaxRunners = 1; w.Busy(w.Job(7)); w.Launch(w.Job(8)) },
			state: recordstatus.RecordStatus,
		},
		"refused": {
			setup: func(w *world) { w.Launch(w.Job(7)) }, state: recordstatus.RecordStatus,
			doc: fleet.Document{Plan: &fleet.Plan{Decision: fleet.Refused, Rule: "r", Reason: "no"}},
		},
		"let go and wanted": {setup: func(w *world) { w.Idle(w.Job(7)) }, state: recordstatus.RecordStatus},
		"failed":            {setup: func(w *world) { w.Idle(w.Job(7)) }, state: recordstatus.RecordFailure, doc: caught(fleet.RunnerIdleTimeout, "idle")},
		"its end was cut short": {
			setup: func(w *world) {
				w.EditRunner(w.Idle(w.Job(7)), func(r *fleet.Runner) { r.Phase = fleet.Closing })
			},
			state: recordstatus.RecordStatus,
		},
		"failed for good": {setup: func(w *world) { w.Launch(w.Job(7)) }, state: recordstatus.RecordFailure, doc: caught(fleet.ImageBuildFailed, "typo")},
		"failed although busy": {
			setup: func(w *world) { w.GitHub.Runner(w.Idle(w.Job(7)) + ".1").Working = true },
			state: recordstatus.RecordFailure, doc: caught(fleet.RunnerIdleTimeout, "idle"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lifecycletest.KillEverywhere(t,
				func(t *testing.T) *world { w := lifecycletest.New(t); c.setup(w); return w },
				func(w *world) error { _, err := run(t, w, c.state, "fleet-7-1", c.doc); return err }, nil)
		})
	}
}
