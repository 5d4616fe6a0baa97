//go:build unix

package process

import (
	"context"
	"runtime"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// findsDaemons is whether a process that made a session of its own is found.
const findsDaemons = runtime.GOOS == "linux"

func wantStopped(t *testing.T, task fleet.Task, code, reason string, exitCode int) {
	t.Helper()
	if task.StopCode != code || task.StoppedReason != reason || task.ExitCode() == nil || *task.ExitCode() != exitCode {
		t.Errorf("stopped as %+v, want %s, %q, exit code %d", task, code, reason, exitCode)
	}
}

func TestStopKillsAfterTheGrace(t *testing.T) {
	r := newRig(t, nil)
	task := r.launch("demo-7-1", "defy")
	child := r.meet("defy")
	r.await(fleet.TaskRunning)
	if err := r.Stop(context.Background(), task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	r.clock.expire(r.cfg.Grace)
	wantStopped(t, r.await(fleet.TaskStopped), fleet.StopUserInitiated, "no longer wanted", 137)
	child.awaitDeath(t)
	if got, want := r.log("demo-7-1"), "ecsrunner: the task did not end within 1m0s of SIGTERM: killed\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestWhatOutlivesItsLeaderIsEnded(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "leave")
	leader := r.meet("leave")
	left := []child{r.meet("wait in-group"), r.meet("defy in-group"), r.meet("defy own-group")}
	if findsDaemons {
		left = append(left, r.meet("defy daemon"))
	}
	leader.letGoOn()
	left[0].awaitDeath(t) // by SIGTERM, before the grace of the others ends
	r.clock.expire(leftoverGrace)
	wantStopped(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, "Essential container in task exited", 3)
	for _, child := range left {
		child.awaitDeath(t)
	}
	r.wantCleared("demo-7-1")
}

func TestCloseLeavesNothing(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "wait")
	r.launch("demo-8-1", "leave")
	r.launch("demo-9-1", "exit 0")
	children := []child{r.meet("wait"), r.meet("leave"), r.meet("defy in-group"), r.meet("defy own-group")}
	go r.clock.expire(leftoverGrace)
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for _, child := range children {
		child.awaitDeath(t)
	}
	for _, task := range r.List("") {
		if task.LastStatus != fleet.TaskStopped {
			t.Errorf("left %+v", task)
		}
		r.wantCleared(task.StartedBy)
	}
}

func TestCloseInAHurryKills(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "defy")
	child := r.meet("defy")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Close(ctx); err == nil {
		t.Error("no word about the task that was killed early")
	}
	child.awaitDeath(t)
	r.wantCleared("demo-7-1")
}
