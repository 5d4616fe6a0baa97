//go:build unix

package process

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

func TestStopOutlivesTheFleet(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(tasktest.Running, "defy", "defy")
	r.open()
	if err := r.Stop(context.Background(), r.record("demo-7-1").Task.ARN, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	r.resume() // of yet another launcher
	r.clock.expire(r.cfg.Grace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopUserInitiated, "no longer wanted")
	r.meet("defy").awaitDeath(t)
	r.wantCleared("demo-7-1")
	if got, want := r.log("demo-7-1"), "ecsrunner: the task did not end within 1m0s of SIGTERM: killed\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestWhatOutlivesALeaderTakenOverIsEnded(t *testing.T) {
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(tasktest.Running, "leave", append(left, "leave")...)
	r.resume()
	r.await(fleet.TaskRunning)
	r.meet("leave").letGoOn()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
	r.wantCleared("demo-7-1")
}

// All of the task's processes that lead a session carry its mark.
func TestLeaderThatWasNotRecordedIsFoundAmongDaemons(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(tasktest.Started, "leave", append(left, "leave")...)
	r.resume()
	r.await(fleet.TaskRunning)
	r.meet("leave").letGoOn()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
}

// This process cannot read a process that runs a job, but it can read the job.
func TestLeaderThatShowsNoMarkIsFoundByItsChildren(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	r := newRig(t, nil)
	r.killFleet(tasktest.Started, "hide", "wait hidden", "wait marked")
	r.resume()
	r.await(fleet.TaskRunning)
	r.meet("wait hidden").letGoOn()
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonTakenOver)
	r.meet("wait marked").awaitDeath(t)
	r.wantCleared("demo-7-1")
}

func TestWhatOutlivesALeaderThatIsGoneIsEnded(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	r := newRig(t, nil)
	left := leftovers()
	r.killFleet(tasktest.Running, "leave", append(left, "leave")...)
	r.meet("leave").letGoOn()
	r.meet("leave").awaitDeath(t)
	r.resume()
	r.clock.expire(leftoverGrace)
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonWhileDown)
	for _, name := range left {
		r.meet(name).awaitDeath(t)
	}
	r.wantCleared("demo-7-1")
}

// One process with the mark proves that the session is the task's. Without its
// leader's id, only the mark leads to what is left.
func TestSessionOfALeaderThatIsGone(t *testing.T) {
	if !findsDaemons {
		t.Skip("no marks are found here")
	}
	for point, test := range map[tasktest.Point]struct {
		code, reason string
		left         []string
	}{
		tasktest.Running: {fleet.StopEssentialContainerExited, reasonWhileDown, []string{"wait marked", "wait unmarked"}},
		tasktest.Started: {fleet.StopTaskFailedToStart, reasonNeverForked, []string{"wait marked"}},
	} {
		t.Run(string(point), func(t *testing.T) {
			r := newRig(t, nil)
			r.killFleet(point, "leave-two", "leave-two", "wait marked", "wait unmarked")
			r.meet("leave-two").letGoOn()
			r.meet("leave-two").awaitDeath(t)
			r.resume()
			wantEnded(t, r.await(fleet.TaskStopped), test.code, test.reason)
			for _, name := range test.left {
				r.meet(name).awaitDeath(t)
			}
			r.wantCleared("demo-7-1")
		})
	}
}

func leftovers() []string {
	left := []string{"wait in-group", "defy in-group", "defy own-group"}
	if findsDaemons {
		left = append(left, "defy daemon")
	}
	return left
}

func TestLogOfATaskTakenOverIsLimited(t *testing.T) {
	const limit = 10_000
	r := newRig(t, func(c *Config) { c.MaxLog = limit })
	r.killFleet(tasktest.Running, "print 1000000", "print 1000000")
	child := r.meet("print 1000000")
	child.line(t)
	r.resume()
	r.await(fleet.TaskRunning)
	r.clock.expire(trimInterval)
	r.clock.expire(trimInterval) // waited for when the log has been trimmed
	if got := r.log("demo-7-1"); len(got) > limit+100 || !strings.Contains(got, "limited to 10000 bytes") {
		t.Errorf("the log has %d bytes", len(got))
	}
	child.letGoOn()
	r.await(fleet.TaskStopped)
}

// rewrite changes the record of a runner.
func (r *rig) rewrite(id string, change func(*task.Record)) {
	r.t.Helper()
	found := r.record(id)
	change(&found)
	content, err := json.Marshal(found)
	if err == nil {
		err = os.WriteFile(r.recordPath(id), content, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// The record names a process which has the id by now, but not the start time. It
// leads a session, too.
func TestIDThatIsAnothersByNow(t *testing.T) {
	r := newRig(t, nil)
	r.killFleet(tasktest.Running, "wait", "wait")
	r.meet("wait").letGoOn()
	r.meet("wait").awaitDeath(t)
	other := stranger(t, r, "leave")
	r.rewrite("demo-7-1", func(found *task.Record) { found.PID, found.StartTime = other.Process.Pid, "another" })
	r.resume()
	wantEnded(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, reasonWhileDown)
	r.wantCleared("demo-7-1")
	r.meet("leave").letGoOn()
	_ = other.Wait()
	if code := other.ProcessState.ExitCode(); code != 3 {
		t.Errorf("the other process ended with %v", other.ProcessState)
	}
}

func TestSessionIsOnlyTheTasksOwn(t *testing.T) {
	r := newRig(t, nil)
	other := stranger(t, r, "leave")
	for _, name := range leftovers() {
		r.meet(name)
	}
	start, err := startTime(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		leader leader
		want   int
	}{
		"seen alive":                {leader{pid: other.Process.Pid, start: start, seen: true}, 3},
		"its id is another's":       {leader{pid: other.Process.Pid, start: start + "0", seen: true}, 0},
		"gone before one looked":    {leader{pid: other.Process.Pid, start: start}, 0},
		"never known, so session 0": {leader{}, 0},
	} {
		if got, _ := members(test.leader, taskVariable+"=none"); len(got) != test.want {
			t.Errorf("%s: %v, want %d", name, got, test.want)
		}
	}
}

func TestEndIsNoticedWithoutHandles(t *testing.T) {
	r := newRig(t, nil)
	other := stranger(t, r, "wait")
	start, err := startTime(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		awaitGone(other.Process.Pid, start, r.clock.After)
	}()
	r.clock.expire(goneInterval)
	r.clock.awaitWait(goneInterval) // so it was seen to live
	r.meet("wait").letGoOn()
	awaitExit(other.Process.Pid) // now a zombie
	r.clock.expire(goneInterval)
	<-gone
	awaitGone(other.Process.Pid, start, immediately)
}

func TestWorkDirectoriesOfNoTaskAreCleared(t *testing.T) {
	r := newMachine(t, nil)
	foreign := filepath.Join(r.cfg.Dir, runnersDir, "Not a runner")
	for _, dir := range []string{filepath.Join(r.workDir("demo-9-1"), "deep"), foreign} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.open()
	if _, err := os.Lstat(r.workDir("demo-9-1")); !os.IsNotExist(err) {
		t.Errorf("it is still there (%v)", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not ours is gone: %v", err)
	}
}

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
