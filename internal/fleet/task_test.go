package fleet_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func exit(code int) *int { return &code }

func TestTheExitCodeIsTheRunners(t *testing.T) {
	guard := fleet.Container{Name: "aws-guardduty-agent-x", ExitCode: exit(137)}
	for name, tc := range map[string]struct {
		containers []fleet.Container
		want       *int
	}{
		"a sidecar was killed first":         {[]fleet.Container{guard, {Name: "runner", ExitCode: exit(0)}}, exit(0)},
		"a sidecar comes last":               {[]fleet.Container{{Name: "runner", ExitCode: exit(7)}, guard}, exit(7)},
		"the runner has no code yet":         {[]fleet.Container{guard, {Name: "runner"}}, nil},
		"one container of another name":      {[]fleet.Container{{Name: "main", ExitCode: exit(80)}}, exit(80)},
		"two containers, neither the runner": {[]fleet.Container{guard, {Name: "main", ExitCode: exit(1)}}, nil},
		"no containers":                      {nil, nil},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.Task{Containers: tc.containers}.ExitCode(), tc.want) })
	}
}

func TestContainerReason(t *testing.T) {
	runner := fleet.Container{Name: "runner", Reason: "OutOfMemoryError: Container killed due to memory usage"}
	guard := fleet.Container{Name: "guard", Reason: "CannotPullContainerError: denied"}
	for name, tc := range map[string]struct {
		containers []fleet.Container
		want       string
	}{
		"the runner's own":                    {[]fleet.Container{runner}, runner.Reason},
		"the runner's before that of another": {[]fleet.Container{guard, runner}, runner.Reason + "; container guard: CannotPullContainerError: denied"},
		"another's has its name":              {[]fleet.Container{guard, {Name: "runner"}}, "container guard: CannotPullContainerError: denied"},
		"the only one's has none":             {[]fleet.Container{guard}, guard.Reason},
		"what the task says already":          {[]fleet.Container{{Name: "runner", Reason: "stopped"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, fleet.Task{StoppedReason: "stopped", Containers: tc.containers}.ContainerReason(), tc.want)
		})
	}
}

// Events of tasks to which GuardDuty Runtime Monitoring added a container
// (sil-org/ecs-deploy#222).
func TestRunnersBesideGuardDuty(t *testing.T) {
	for file, want := range map[string]int{
		"1-sidecar-first-runner-deprecated-7.json": fleet.ExitVersionDeprecated,
		"3-sidecar-killed-137-runner-0.json":       0,
		"5-runner-first.json":                      fleet.ExitVersionDeprecated,
	} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "guardduty", file))
			if err != nil {
				t.Fatal(err)
			}
			var event struct{ Detail fleet.Task }
			if err := json.Unmarshal(text, &event); err != nil {
				t.Fatal(err)
			}
			runner, _ := fleet.Runner{RunnerID: event.Detail.StartedBy}.ApplyTask(event.Detail, now)
			equal(t, runner.ExitCode, &want)
		})
	}
}

func TestVanished(t *testing.T) {
	runner := fleet.Runner{RunnerID: "ci-7-1", TaskARN: "task-1", TaskVersion: 3}.Mark(fleet.StageTaskStarted, now)
	stopped, without := runner, runner
	stopped.TaskStatus, without.TaskARN = fleet.TaskStopped, ""
	gone := fleet.Task{ARN: "task-1", StartedBy: "ci-7-1", LastStatus: fleet.TaskStopped, Version: 4, StoppedReason: "the platform does not know the task any more"}
	for name, tc := range map[string]struct {
		runner fleet.Runner
		after  time.Duration
		want   fleet.Task
	}{
		"started just now":   {runner: runner, after: 2*time.Minute - time.Second},
		"after two minutes":  {runner: runner, after: 2 * time.Minute, want: gone},
		"it stopped already": {runner: stopped, after: time.Hour},
		"it has no task":     {runner: without, after: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			task, ok := tc.runner.Vanished(now.Add(tc.after))
			equal(t, task, tc.want)
			equal(t, ok, tc.want.ARN != "")
		})
	}
	got, changed := runner.ApplyTask(gone, now)
	if !changed || !got.Stopped() {
		t.Errorf("the runner's record becomes %+v", got)
	}
}
