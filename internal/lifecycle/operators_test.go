package lifecycle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// act is what ada does, at a time that no clock of a test has passed.
func act(command fleet.Command) fleet.Action {
	return fleet.Operator{By: "ada", Reason: "why"}.Act(command, "id of "+string(command), time.Time{})
}

func terminate(force bool) fleet.Action {
	if force {
		return act(fleet.CommandForceTerminate)
	}
	return act(fleet.CommandTerminate)
}

// Who stops a runner stands on its record and on its run's before its task is asked to
// stop: GitHub's word for it comes later.
func TestAStoppedRunnerSaysByWhom(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Busy(w.Job(7))
	w.Tasks.Fails["Stop"] = errors.New("no")
	_, err := w.Fleet().Terminate(t.Context(), id, terminate(true))
	if err == nil {
		t.Fatal("a task that cannot be stopped is no error")
	}
	want := terminate(true)
	want.RunnerID, want.RunID = id, "job-7"
	is(t, "the runner", w.Runner(id).Actions, []fleet.Action{want})
	is(t, "the run", w.Run("job-7").Actions, []fleet.Action{want})
	is(t, "the list", w.Records.Actions(), []fleet.Action{want})
	delete(w.Tasks.Fails, "Stop")
	if _, err := w.Fleet().Terminate(t.Context(), id, terminate(true)); err != nil {
		t.Fatal(err)
	}
	is(t, "the list, repeated", w.Records.Actions(), []fleet.Action{want})
	job := lifecycletest.Completed(w.Job(7), fleet.ConclusionCancelled)
	if err := w.Fleet().Completed(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-7"); !strings.HasPrefix(run.Reason, "stopped by ada while fleet-7-1 ran it, with `ecsrunner runners terminate --force` (why)") {
		t.Errorf("%q", run.Reason)
	}
}

// GitHub alone knows that the runner has a job: its run learns by whom it was stopped as
// soon as the fleet knows whose job that is.
func TestAStoppedRunnerWhoseJobIsLearntLater(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = true
	if got, err := w.Fleet().Terminate(t.Context(), id, terminate(true)); err != nil || got.Outcome != lifecycle.TerminatedStopping {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := w.Run("job-7").Actions; len(got) != 0 {
		t.Errorf("the run that expected it: %+v", got)
	}
	job := w.Job(7)
	job.RunnerName, job.Status = fleet.RunnerName(id, 1), fleet.JobInProgress
	if err := w.Fleet().Took(t.Context(), job, id, w.Now()); err != nil {
		t.Fatal(err)
	}
	if got := w.Run("job-7").Actions; len(got) != 1 || got[0].Command != fleet.CommandForceTerminate || got[0].RunID != "job-7" {
		t.Errorf("the run whose job it has: %+v", got)
	}
}

func TestATerminationThatLeavesTheRunnerAlone(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = true
	if got, err := w.Fleet().Terminate(t.Context(), id, terminate(false)); err != nil || got.Outcome != lifecycle.TerminatedBusy {
		t.Fatalf("%+v, %v", got, err)
	}
	is(t, "the runner", w.Runner(id).Actions, nil)
	is(t, "the run", w.Run("job-7").Actions, nil)
	if list := w.Records.Actions(); len(list) != 1 || list[0].Outcome != "left alone: the runner has a job" {
		t.Errorf("the list: %+v", list)
	}
}

func TestATerminatedIdleRunnerSaysByWhom(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Idle(w.Job(7))
	if _, err := w.Fleet().Terminate(t.Context(), id, terminate(true)); err != nil {
		t.Fatal(err)
	}
	got, ok := w.Runner(id).EndedBy()
	if !ok || got.By != "ada" || got.Command != fleet.CommandTerminate || got.RunnerID != id { // nothing was forced
		t.Errorf("the runner: %+v", got)
	}
	if run := w.Run("job-7"); len(run.Actions) != 1 {
		t.Errorf("the run: %+v", run.Actions)
	}
	if list := w.Records.Actions(); len(list) != 1 || list[0].Command != fleet.CommandForceTerminate || list[0].RunID != "job-7" {
		t.Errorf("the list: %+v", list)
	}
}

func TestPausesAndRetriesAreListed(t *testing.T) {
	w := lifecycletest.New(t)
	for _, step := range []struct {
		what string
		by   fleet.Action
		want int
	}{
		{"a resume of what is not paused", act(fleet.CommandResume), 0},
		{"a pause", fleet.Operator{By: "ada", Reason: "a"}.Act(fleet.CommandPause, "1", w.Now()), 1},
		{"a pause that changes nothing", fleet.Operator{By: "ada"}.Act(fleet.CommandPause, "2", w.Now()), 1},
		{"a drain", act(fleet.CommandDrain), 2},
		{"a drain again", fleet.Operator{By: "ada", Reason: "why"}.Act(fleet.CommandDrain, "3", w.Now()), 3},
		{"a resume", act(fleet.CommandResume), 4},
	} {
		var err error
		if step.by.Command == fleet.CommandResume {
			_, _, err = w.Fleet().Resume(t.Context(), step.by)
		} else {
			_, err = w.Fleet().Pause(t.Context(), step.by)
		}
		if got := w.Records.Actions(); err != nil || len(got) != step.want {
			t.Errorf("%s: %d are listed, want %d; %v", step.what, len(got), step.want, err)
		}
	}
}

func TestAStopOfTheWholeFleetIsListedOnce(t *testing.T) {
	w := lifecycletest.New(t)
	a, b := w.Busy(w.Job(7)), w.Busy(w.Job(8))
	open, err := w.Records.OpenRunners(t.Context())
	if err == nil {
		err = w.Fleet().StoppingAll(t.Context(), open, act(fleet.CommandStopNow))
	}
	if err != nil || len(w.Records.Actions()) != 1 {
		t.Errorf("%+v, %v", w.Records.Actions(), err)
	}
	for runner, run := range map[string]string{a: "job-7", b: "job-8"} {
		if by, ok := w.Run(run).StoppedBy(); !ok || by.RunnerID != runner || w.Runner(runner).Reason != fleet.StoppedByOperator {
			t.Errorf("%s: %+v, %+v", run, by, w.Runner(runner))
		}
	}
}

func is(t *testing.T, what string, got, want []fleet.Action) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
