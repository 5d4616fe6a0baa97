package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// What a fleet works on, and which tasks it launches, in its environment.
const (
	dirVariable      = "PROCESS_TEST_DIR"
	launchesVariable = "PROCESS_TEST_LAUNCHES"
)

// Where a fleet stops to be killed, besides the statuses that it notifies.
const (
	pointForked   = "FORKED"   // and not recorded
	pointStopping = "STOPPING" // told to stop
	pointTwoRun   = "TWO RUN"
	pointDone     = "DONE" // nothing more to do
)

// beFleet takes over what there is, launches tasks, and says so when one of them
// has reached the point. There it hangs.
func beFleet(point string, conn net.Conn) int {
	hang := func() { _, _ = io.Copy(io.Discard, conn) }
	reach := func(p string) {
		if p == point {
			fmt.Fprintln(conn, "reached")
			hang()
		}
	}
	var running atomic.Int32
	self, err1 := os.Executable()
	l, err2 := New(Config{
		Dir:     os.Getenv(dirVariable),
		Command: []string{self},
		Env:     []string{reportVariable + "=" + os.Getenv(reportVariable), "GORACE=atexit_sleep_ms=0"},
		Now:     newClock().Now,
		Notify: func(task fleet.Task) {
			reach(task.LastStatus)
			if task.LastStatus == fleet.TaskRunning && running.Add(1) == 2 {
				reach(pointTwoRun)
			}
		},
	})
	if err := errors.Join(err1, err2); err != nil {
		fmt.Println(err)
		return 99
	}
	l.afterFork = func() { reach(pointForked) }
	if err := l.Resume(); err != nil {
		fmt.Println(err)
		return 99
	}
	for i, does := range launches(os.Getenv(launchesVariable)) {
		task, err := l.Launch(context.Background(), spec(runner(i), does))
		if err != nil {
			fmt.Println(err)
			return 99
		}
		if point == pointStopping {
			if err := l.Stop(context.Background(), task.ARN, "no longer wanted"); err != nil {
				fmt.Println(err)
				return 99
			}
			reach(pointStopping)
		}
		if point == pointDone {
			<-l.tasks[task.ARN].done
		}
	}
	reach(pointDone)
	hang()
	return 0
}

func launches(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

// runner is the id of the i-th runner that a fleet launches.
func runner(i int) string { return fmt.Sprintf("demo-%d-1", 7+i) }

// killFleet runs a fleet on the rig's directory, meets the children that it is to
// have, and kills it at the point.
func (r *rig) killFleet(point string, tasks string, meets ...string) {
	r.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), doesVariable+"=fleet "+point, reportVariable+"="+r.reports.Addr().String(),
		dirVariable+"="+r.cfg.Dir, launchesVariable+"="+tasks)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	delete(r.children, "fleet "+point)
	if got := r.meet("fleet " + point).line(r.t); got != "reached" {
		r.t.Fatalf("the fleet says %s", got)
	}
	for _, name := range meets {
		r.meet(name)
	}
}

// restart makes a new launcher on the directory, without Resume.
func (r *rig) restart() {
	r.t.Helper()
	var err error
	if r.Launcher, err = New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) resume() {
	r.t.Helper()
	r.restart()
	if err := r.Resume(); err != nil {
		r.t.Fatal(err)
	}
}

// recorded is the task of a runner in its record.
func (r *rig) recorded(id string) fleet.Task {
	r.t.Helper()
	return r.record(id).Task
}

const (
	reasonWhileDown   = "Essential container in task exited: its exit code is not known, because it ended while the fleet was down"
	reasonTakenOver   = "Essential container in task exited: its exit code is not known, because the fleet was restarted while it ran"
	reasonNeverForked = "CannotStartContainerError: the fleet was killed while it started the task"
)

// wantEnded checks how a task stopped whose exit code nobody knows.
func wantEnded(t *testing.T, task fleet.Task, code, reason string) {
	t.Helper()
	if task.LastStatus != fleet.TaskStopped || task.StopCode != code || task.StoppedReason != reason {
		t.Errorf("%s as %+v, want %s, %q", task.LastStatus, task, code, reason)
	}
	if task.ExitCode() != nil || task.Containers[0].Reason == "" || task.StoppedAt == nil {
		t.Errorf("stopped as %+v, want no exit code but a reason of it", task)
	}
}

// onlyOnce checks that nothing more is notified once all tasks have ended.
func (r *rig) onlyOnce() {
	r.t.Helper()
	if err := r.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	select {
	case task := <-r.notes:
		r.t.Errorf("notified again: %+v", task)
	default:
	}
}

// stranger starts a session that is no task's, and returns its leader.
func stranger(t *testing.T, r *rig, does string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), doesVariable+"="+does, reportVariable+"="+r.reports.Addr().String())
	cmd.SysProcAttr = ownSession()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.meet(does)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// immediately is a clock whose every wait is over.
func immediately(time.Duration) <-chan time.Time {
	over := make(chan time.Time)
	close(over)
	return over
}
