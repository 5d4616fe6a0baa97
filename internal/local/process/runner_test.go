//go:build unix

package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

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
		filepath.Join(r.cfg.Dir, runnersDir):             0o700,
		filepath.Join(r.cfg.Dir, "logs"):                 0o700,
		r.workDir("demo-7-1"):                            0o700,
		filepath.Join(r.workDir("demo-7-1"), "tmp"):      0o700,
		filepath.Join(r.cfg.Dir, "logs", "demo-7-1.log"): 0o600,
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
