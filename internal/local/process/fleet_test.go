//go:build unix

package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task/tasktest"
)

// What a fleet works on, and which tasks it launches, in its environment.
const (
	dirVariable      = "PROCESS_TEST_DIR"
	launchesVariable = "PROCESS_TEST_LAUNCHES"
)

// beFleet takes over what there is, launches tasks, and reports when they have reached
// the point. There it hangs.
func beFleet(point string, conn net.Conn) int {
	self, err1 := os.Executable()
	runner, err2 := New(Config{
		Dir:     os.Getenv(dirVariable),
		Command: []string{self},
		Env:     []string{reportVariable + "=" + os.Getenv(reportVariable), "GORACE=atexit_sleep_ms=0"},
	})
	var specs []task.Spec
	for i, does := range launches(os.Getenv(launchesVariable)) {
		specs = append(specs, spec(runnerID(i), does))
	}
	err := errors.Join(err1, err2)
	if err == nil {
		cfg := task.Config{Dir: os.Getenv(dirVariable), Runner: runner}
		err = tasktest.Play(cfg, specs, tasktest.Point(point), func(*tasktest.Fleet) {
			fmt.Fprintln(conn, "reached")
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	fmt.Println(err)
	return 99
}

func launches(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

// runnerID is the id of the i-th runner that a fleet launches.
func runnerID(i int) string { return fmt.Sprintf("demo-%d-1", 7+i) }

// startFleet runs a fleet on the rig's directory. The function that it returns kills it
// at the point.
func (r *rig) startFleet(point tasktest.Point, tasks string) (kill func()) {
	r.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), doesVariable+"=fleet "+string(point), reportVariable+"="+r.reports.Addr().String(),
		dirVariable+"="+r.cfg.Dir, launchesVariable+"="+tasks)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	name := "fleet " + string(point)
	delete(r.children, name)
	return func() {
		r.t.Helper()
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		if got := r.meet(name).line(r.t); got != "reached" {
			r.t.Fatalf("the fleet says %s", got)
		}
	}
}

// killFleet runs a fleet on the rig's directory, kills it at the point, and meets the
// children that it is to have.
func (r *rig) killFleet(point tasktest.Point, tasks string, meets ...string) {
	r.t.Helper()
	r.startFleet(point, tasks)()
	for _, name := range meets {
		r.meet(name)
	}
}

// resume opens the next ledger on the directory and takes over.
func (r *rig) resume() {
	r.t.Helper()
	r.open()
	if err := r.Resume(); err != nil {
		r.t.Fatal(err)
	}
}

const (
	reasonWhileDown   = "Essential container in task exited: its exit code is not known, because it ended while the fleet was down"
	reasonTakenOver   = "Essential container in task exited: its exit code is not known, because the fleet was restarted while it ran"
	reasonNeverForked = "CannotStartContainerError: the fleet was killed while it started the task"
)

// wantEnded checks how a task stopped whose exit code is lost.
func wantEnded(t *testing.T, task fleet.Task, code, reason string) {
	t.Helper()
	if task.LastStatus != fleet.TaskStopped || task.StopCode != code || task.StoppedReason != reason {
		t.Errorf("%s as %+v, want %s, %q", task.LastStatus, task, code, reason)
	}
	if task.ExitCode() != nil || task.Containers[0].Reason == "" || task.StoppedAt == nil {
		t.Errorf("stopped as %+v, want no exit code but a reason of it", task)
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
