package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestTaskFromStartToEnd(t *testing.T) {
	r := newRig(t, nil)
	launched := r.launch("demo-7-1", "exit 7")
	if !strings.HasPrefix(launched.ARN, "local:task/demo-7-1/") || launched.StartedBy != "demo-7-1" || launched.LastStatus != fleet.TaskPending {
		t.Errorf("launched %+v", launched)
	}
	var seen []string
	var last fleet.Task
	for last.LastStatus != fleet.TaskStopped {
		task := <-r.notes
		seen = append(seen, task.LastStatus)
		if task.ARN != launched.ARN || task.Version <= last.Version {
			t.Errorf("%+v came after %+v", task, last)
		}
		last = task
	}
	if want := []string{fleet.TaskPending, fleet.TaskRunning, fleet.TaskStopped}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
	if last.StopCode != fleet.StopEssentialContainerExited || last.ExitCode() == nil || *last.ExitCode() != 7 {
		t.Errorf("stopped as %+v", last)
	}
	if last.CreatedAt == nil || last.StartedAt == nil || last.StoppedAt == nil {
		t.Errorf("times are missing in %+v", last)
	}
	if now, ok := r.Describe(context.Background(), launched.ARN); !ok || now.Version != last.Version {
		t.Errorf("described as %+v, %v", now, ok)
	}
	r.wantCleared("demo-7-1")
	r.log("demo-7-1")
}

func TestLaunchIsIdempotent(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	first := r.launch("demo-7-1", "wait")
	child := r.meet("wait")
	if again := r.launch("demo-7-1", "wait"); again.ARN != first.ARN {
		t.Errorf("launched %s, then %s", first.ARN, again.ARN)
	}

	other := spec("demo-7-1", "wait")
	other.CPU = "512"
	if _, err := r.Launch(ctx, other); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
		t.Errorf("the same client token with other parameters gives %v", err)
	}
	other.ClientToken = "demo-7-1.1"
	if _, err := r.Launch(ctx, other); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
		t.Errorf("a second task for a runner gives %v", err)
	}

	child.letGoOn()
	r.await(fleet.TaskStopped)
	if again := r.launch("demo-7-1", "wait"); again.ARN != first.ARN || again.LastStatus != fleet.TaskStopped {
		t.Errorf("after %s stopped, launched %+v", first.ARN, again)
	}
	if _, err := r.Launch(ctx, other); err != nil {
		t.Errorf("a further task after the first stopped gives %v", err)
	}
}

func TestStoppedTasksAreForgottenAfterADay(t *testing.T) {
	r := newRig(t, nil)
	first := r.launch("demo-7-1", "exit 0")
	r.await(fleet.TaskStopped)
	<-r.tasks[first.ARN].done
	r.clock.advance(remembered + time.Second)
	r.launch("demo-8-1", "exit 0")
	if task, ok := r.Describe(context.Background(), first.ARN); ok {
		t.Errorf("still knows %+v", task)
	}
	if _, err := os.Stat(r.recordPath("demo-7-1")); !os.IsNotExist(err) {
		t.Errorf("still has its record (%v)", err)
	}
}

func TestRunnerIDsAreNoPaths(t *testing.T) {
	r := newRig(t, nil)
	for _, id := range []string{"", ".", "..", "../x", "a/b", "a.b", "A", "-a", "a\x00", "ü", strings.Repeat("a", 129)} {
		if _, err := r.Launch(context.Background(), Spec{RunnerID: id}); !fleet.IsNamed(err, fleet.RunnerLaunchFailed) {
			t.Errorf("Launch(%q) gives %v", id, err)
		}
		if path, err := LogPath("dir", id); err == nil {
			t.Errorf("LogPath(%q) = %s", id, path)
		}
	}
	if path, err := LogPath("dir", "demo-7-1"); err != nil || path != filepath.Join("dir", "logs", "demo-7-1.log") {
		t.Errorf("LogPath = %s, %v", path, err)
	}
}

func TestEnvironmentHasNothingInherited(t *testing.T) {
	t.Setenv("GITHUB_PAT", "secret")
	r := newRig(t, func(c *Config) { c.Env = append(c.Env, "LANG=de_DE.UTF-8", "GIVEN=by-config", "BOTH=config") })
	s := spec("demo-7-1", "report-environment")
	s.Env["BOTH"] = "spec"
	task, err := r.Launch(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	c := r.meet("report-environment")
	got := map[string]string{}
	for line := c.line(t); line != "end"; line = c.line(t) {
		name, value, _ := strings.Cut(line, "=")
		got[name] = value
	}
	work := r.workDir("demo-7-1")
	want := map[string]string{
		"HOME": work, "TMPDIR": filepath.Join(work, "tmp"), "PATH": basePath, "LANG": "de_DE.UTF-8",
		"GIVEN": "by-config", "BOTH": "spec", taskVariable: task.ARN,
		doesVariable: "report-environment", reportVariable: r.reports.Addr().String(), "GORACE": "atexit_sleep_ms=0",
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the task has %s=%s", name, got[name])
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func TestFilesAreTheUsersOwn(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "wait")
	r.meet("wait")
	for path, want := range map[string]os.FileMode{
		filepath.Join(r.cfg.Dir, runnersDir):        0o700,
		filepath.Join(r.cfg.Dir, logsDir):           0o700,
		r.workDir("demo-7-1"):                       0o700,
		filepath.Join(r.workDir("demo-7-1"), "tmp"): 0o700,
		r.logPath("demo-7-1"):                       0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestRecordFindsTheProcessAgain(t *testing.T) {
	r := newRig(t, nil)
	task := r.launch("demo-7-1", "wait")
	child := r.meet("wait")
	r.await(fleet.TaskRunning)
	found := r.record("demo-7-1")
	if !alive(found.PID, found.StartTime) || found.Task.ARN != task.ARN || found.ClientToken != "demo-7-1.0" || found.Task.LastStatus != fleet.TaskRunning {
		t.Errorf("recorded %+v", found)
	}
	if within, _ := belongs(found.PID, found.PID, ""); !within {
		t.Errorf("process %d is not the leader of a session", found.PID)
	}
	child.letGoOn()
	r.await(fleet.TaskStopped)
	r.wantCleared("demo-7-1")
}

func TestRecordHasNoSecret(t *testing.T) {
	r := newRig(t, nil)
	s := spec("demo-7-1", "wait")
	s.Env["CLAIM_TOKEN"] = "a-very-secret-value"
	if _, err := r.Launch(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	r.await(fleet.TaskRunning)
	content, err := os.ReadFile(r.recordPath("demo-7-1"))
	if err != nil || strings.Contains(string(content), "secret") {
		t.Errorf("the record is %s, %v", content, err)
	}
}

func TestCommandThatCannotBeStarted(t *testing.T) {
	tests := map[string]struct {
		adapt  func(*Config)
		reason string
	}{
		"no such command": {
			func(c *Config) { c.Command = []string{"./no-such-command"} }, "CannotStartContainerError: "},
		"no such template": {
			func(c *Config) { c.Template = "/no/such/template" }, "ResourceInitializationError: lay /no/such/template into"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.adapt)
			r.launch("demo-7-1", "exit 0")
			task := r.await(fleet.TaskStopped)
			if task.StopCode != fleet.StopTaskFailedToStart || !strings.HasPrefix(task.StoppedReason, test.reason) {
				t.Errorf("stopped as %+v, want %s…", task, test.reason)
			}
			if task.ExitCode() != nil || task.StartedAt != nil || task.Containers[0].Reason != task.StoppedReason {
				t.Errorf("stopped as %+v", task)
			}
			r.wantCleared("demo-7-1")
		})
	}
}

func TestConcurrentLaunches(t *testing.T) {
	r := newRig(t, nil)
	const runners, callers = 8, 4
	arns := make([][callers]string, runners)
	var wg sync.WaitGroup
	for i := range runners {
		for k := range callers {
			wg.Go(func() {
				task, err := r.Launch(context.Background(), spec(fmt.Sprintf("demo-%d-1", i+1), "exit 0"))
				if err != nil {
					t.Error(err)
				}
				arns[i][k] = task.ARN
			})
		}
	}
	wg.Wait()
	distinct := map[string]bool{}
	for _, of := range arns {
		for _, arn := range of {
			distinct[arn] = true
		}
	}
	if len(distinct) != runners || len(r.List(context.Background(), "")) != runners {
		t.Errorf("%d runners have %d tasks", runners, len(distinct))
	}
	if mine := r.List(context.Background(), "demo-3-1"); len(mine) != 1 || mine[0].ARN != arns[2][0] {
		t.Errorf("listed %+v", mine)
	}
	for range runners {
		for task := range r.notes {
			if task.LastStatus == fleet.TaskStopped {
				break
			}
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Config{Dir: t.TempDir()}); err == nil {
		t.Error("a launcher without a command")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: file, Command: []string{"x"}}); err == nil {
		t.Error("a launcher whose data directory is a file")
	}
}

func TestLaunchAfterCloseOrInVain(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Launch(ctx, spec("demo-7-1", "exit 0")); !errors.Is(err, context.Canceled) {
		t.Errorf("launched with a cancelled context: %v", err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := r.Launch(context.Background(), spec("demo-7-1", "exit 0")); !errors.Is(err, ErrClosed) {
		t.Errorf("launched by a closed launcher: %v", err)
	}
}
