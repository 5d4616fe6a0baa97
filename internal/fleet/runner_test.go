package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var runnerStatuses = []fleet.RunnerStatus{
	fleet.RunnerStarting, fleet.RunnerImageCreating, fleet.RunnerWaitingForJob, fleet.RunnerRunning, fleet.RunnerOffline, fleet.RunnerFailed,
}

// A column is a status in the order of runnerStatuses: x if Progress moves there.
func TestProgressNeverGoesBack(t *testing.T) {
	for from, row := range map[fleet.RunnerStatus]string{
		fleet.RunnerStarting:      "xxxxxx",
		fleet.RunnerImageCreating: "xxxxxx",
		fleet.RunnerWaitingForJob: "..xxxx",
		fleet.RunnerRunning:       "...xxx",
		fleet.RunnerOffline:       "....xx",
		fleet.RunnerFailed:        "....xx",
	} {
		for i, to := range runnerStatuses {
			for _, phase := range []fleet.Phase{fleet.Open, fleet.Closing, fleet.Closed} {
				want := from
				if row[i] == 'x' && phase != fleet.Closed {
					want = to
				}
				if got := (fleet.Runner{Status: from, Phase: phase}).Progress(to).Status; got != want {
					t.Errorf("%s, %s, to %s: got %s, want %s", phase, from, to, got, want)
				}
			}
		}
	}
}

func TestWhichRunnersCanTakeAJob(t *testing.T) {
	for name, tc := range map[string]struct {
		runner fleet.Runner
		want   bool
	}{
		"an open one":                {fleet.Runner{Phase: fleet.Open}, true},
		"one whose task runs":        {fleet.Runner{Phase: fleet.Open, TaskStatus: fleet.TaskRunning}, true},
		"one whose task has stopped": {fleet.Runner{Phase: fleet.Open, TaskStatus: fleet.TaskStopped}, false},
		"one that has a job":         {fleet.Runner{Phase: fleet.Open, Took: 1}, false},
		"one that is closing":        {fleet.Runner{Phase: fleet.Closing}, false},
		"one that is closed":         {fleet.Runner{Phase: fleet.Closed}, false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, tc.runner.CanTake(), tc.want) })
	}
}

func TestDeregisteredNumber(t *testing.T) {
	for _, tc := range []struct{ done, number, want int }{
		{0, 1, 1}, {1, 2, 2}, {2, 1, 2}, {2, 2, 2}, {0, 2, 0}, {2, 4, 2},
	} {
		if got := (fleet.Runner{Deregistered: tc.done}).DeregisteredNumber(tc.number).Deregistered; got != tc.want {
			t.Errorf("number %d after %d: got %d, want %d", tc.number, tc.done, got, tc.want)
		}
	}
}

func TestFollow(t *testing.T) {
	for _, tc := range []struct {
		runner fleet.RunnerStatus
		run    fleet.RunStatus
	}{
		{fleet.RunnerStarting, fleet.RunStarting},
		{fleet.RunnerImageCreating, fleet.RunImageCreating},
		{fleet.RunnerWaitingForJob, fleet.RunWaitingForJob},
		{fleet.RunnerRunning, fleet.RunQueued}, // only a job makes a run RUNNING
		{fleet.RunnerOffline, fleet.RunQueued},
		{fleet.RunnerFailed, fleet.RunQueued},
	} {
		run := fleet.Run{Status: fleet.RunQueued, RunnerID: "fleet-1-1", Reason: "before"}
		got := run.Follow(fleet.Runner{RunnerID: "fleet-1-1", Status: tc.runner})
		if got.Status != tc.run || (got.Reason == "") != (tc.run != fleet.RunQueued) {
			t.Errorf("runner %s: got %s (%s), want %s", tc.runner, got.Status, got.Reason, tc.run)
		}
	}
}

func TestWhatDoesNotFollow(t *testing.T) {
	runner := fleet.Runner{RunnerID: "fleet-1-1", Status: fleet.RunnerWaitingForJob}
	for name, run := range map[string]fleet.Run{
		"a run that expects another runner": {Status: fleet.RunStarting, RunnerID: "fleet-1-2"},
		"a run that expects none":           {Status: fleet.RunQueued},
		"a run that waits for approval":     {Status: fleet.RunWaiting, RunnerID: "fleet-1-1"},
		"a run whose job runs":              {Status: fleet.RunRunning, RunnerID: "fleet-1-1", RanOn: "fleet-1-1"},
		"a run that is over":                {Status: fleet.RunCancelled, RunnerID: "fleet-1-1"},
	} {
		t.Run(name, func(t *testing.T) { equal(t, run.Follow(runner), run) })
	}
}

func TestApplyTask(t *testing.T) {
	started, stopped, code := now.Add(time.Minute), now.Add(time.Hour), 7
	running := fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskRunning, TaskVersion: 3}
	for name, tc := range map[string]struct {
		runner fleet.Runner
		task   fleet.Task
		want   fleet.Runner
	}{
		"the first event has the ARN": {
			fleet.Runner{},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskPending, Version: 1},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskPending, TaskVersion: 1},
		},
		"a container that is up": {
			fleet.Runner{TaskARN: "arn"},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskRunning, Version: 3, StartedAt: &started},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskRunning, TaskVersion: 3, Times: fleet.Times{fleet.StageContainerUp: started}},
		},
		"a container whose image was pulled": {
			fleet.Runner{TaskARN: "arn", ImageSize: 151_000_000},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskRunning, Version: 3, PullStartedAt: new(started.Add(-9750 * time.Millisecond)), PullStoppedAt: new(started.Add(-250 * time.Millisecond)), StartedAt: &started},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskRunning, TaskVersion: 3, ImageSize: 151_000_000, Pulled: 9500, Times: fleet.Times{fleet.StageContainerUp: started}},
		},
		"a pull that has not ended": {
			fleet.Runner{TaskARN: "arn"},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskPending, Version: 2, PullStartedAt: &started},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskPending, TaskVersion: 2},
		},
		"a pull whose times are in the wrong order": {
			fleet.Runner{TaskARN: "arn"},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskPending, Version: 2, PullStartedAt: &stopped, PullStoppedAt: &started},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskPending, TaskVersion: 2},
		},
		"a container that is up without a time": {
			fleet.Runner{TaskARN: "arn"},
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskRunning, Version: 3},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskRunning, TaskVersion: 3, Times: fleet.Times{fleet.StageContainerUp: now}},
		},
		"a task that stopped": {
			running,
			fleet.Task{
				ARN: "arn", LastStatus: fleet.TaskStopped, Version: 5, StoppedAt: &stopped, StopCode: fleet.StopEssentialContainerExited,
				StoppedReason: "exited", Containers: []fleet.Container{{Name: "sidecar"}, {Name: "runner", ExitCode: &code}},
			},
			fleet.Runner{
				TaskARN: "arn", TaskStatus: fleet.TaskStopped, TaskVersion: 5, StopCode: fleet.StopEssentialContainerExited,
				StoppedReason: "exited", ExitCode: &code, Times: fleet.Times{fleet.StageTaskStopped: stopped},
			},
		},
		"STOPPED counts whatever its version": {
			running,
			fleet.Task{ARN: "arn", LastStatus: fleet.TaskStopped, Version: 1},
			fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskStopped, TaskVersion: 1, Times: fleet.Times{fleet.StageTaskStopped: now}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed := tc.runner.ApplyTask(tc.task, now)
			equal(t, got, tc.want)
			equal(t, changed, true)
		})
	}
}

func TestTaskEventsThatChangeNothing(t *testing.T) {
	running := fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskRunning, TaskVersion: 3}
	stopped := fleet.Runner{TaskARN: "arn", TaskStatus: fleet.TaskStopped, TaskVersion: 5}
	for name, tc := range map[string]struct {
		runner fleet.Runner
		task   fleet.Task
	}{
		"a duplicate":                  {running, fleet.Task{ARN: "arn", LastStatus: fleet.TaskRunning, Version: 3}},
		"an old version":               {running, fleet.Task{ARN: "arn", LastStatus: fleet.TaskPending, Version: 2}},
		"another task in our name":     {running, fleet.Task{ARN: "other", LastStatus: fleet.TaskStopped, Version: 9}},
		"a duplicate of the end":       {stopped, fleet.Task{ARN: "arn", LastStatus: fleet.TaskStopped, Version: 5}},
		"what comes after the end":     {stopped, fleet.Task{ARN: "arn", LastStatus: fleet.TaskRunning, Version: 6}},
		"a second end, newer than one": {stopped, fleet.Task{ARN: "arn", LastStatus: fleet.TaskStopped, Version: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed := tc.runner.ApplyTask(tc.task, now)
			equal(t, got, tc.runner)
			equal(t, changed, false)
		})
	}
}

func TestBeginEnd(t *testing.T) {
	_, open := launched(t, jobOf(1))
	closing, ok := open.BeginEnd("its job was cancelled", now)
	equal(t, ok, true)
	equal(t, closing.Phase, fleet.Closing)
	equal(t, closing.Reason, "its job was cancelled")
	equal(t, closing.At(fleet.StageClosing), now)

	again, ok := closing.BeginEnd("another reason", now.Add(time.Minute))
	equal(t, again, closing)
	equal(t, ok, true)
}

func TestARunnerThatCannotBeEnded(t *testing.T) {
	for name, runner := range map[string]fleet.Runner{
		"has a job":             {Phase: fleet.Open, Took: 1},
		"has a job and closes":  {Phase: fleet.Closing, Took: 1},
		"is closed":             {Phase: fleet.Closed},
		"is closed after a job": {Phase: fleet.Closed, Took: 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := runner.BeginEnd("no", now)
			equal(t, got, runner)
			equal(t, ok, false)
		})
	}
}

func TestReopen(t *testing.T) {
	_, open := launched(t, jobOf(1))
	closing, _ := open.BeginEnd("idle", now)
	busy := closing.Reopen()

	want := open
	want.Status = fleet.RunnerRunning // GitHub says that it is busy
	equal(t, busy, want)
	equal(t, closing.At(fleet.StageClosing), now) // what was read stays as it was

	later := now.Add(time.Hour)
	ended, _ := busy.BeginEnd("idle", later)
	equal(t, ended.At(fleet.StageClosing), later)
}

func TestOnlyAClosingRunnerReopens(t *testing.T) {
	for _, phase := range []fleet.Phase{fleet.Open, fleet.Closed} {
		runner := fleet.Runner{Phase: phase, Reason: "before"}
		equal(t, runner.Reopen(), runner)
	}
}

func TestForget(t *testing.T) {
	got := fleet.Runner{RunnerID: "fleet-1-1", TaskToken: "secret", WaitingFor: fleet.WaitForJob}.Forget()
	equal(t, got, fleet.Runner{RunnerID: "fleet-1-1"})
}
