//go:build unix

package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestLogIsLimited(t *testing.T) {
	const limit = 10_000
	const line = "\necsrunner: the log was cut here: it is limited to 10000 bytes\n"
	r := newRig(t, func(c *Config) { c.MaxLog = limit })
	r.launch("demo-7-1", "print 1000000")
	child := r.meet("print 1000000")
	if got := child.line(t); got != "printed" {
		t.Fatalf("the child says %s", got)
	}
	r.clock.expire(trimInterval)
	// The next wait for it begins when the log has been trimmed.
	r.clock.expire(trimInterval)
	if got := r.log("demo-7-1"); len(got) != limit+len(line) || !strings.HasSuffix(got, line) {
		t.Errorf("the log of a running task has %d bytes and ends with %q", len(got), got[max(0, len(got)-80):])
	}
	child.letGoOn()
	r.await(fleet.TaskStopped)
	if got := r.log("demo-7-1"); len(got) != limit+len(line) || !strings.HasSuffix(got, line) {
		t.Errorf("the log has %d bytes and ends with %q", len(got), got[max(0, len(got)-80):])
	}
}

func TestLogWithinTheLimitIsWhole(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "print 100")
	r.meet("print 100").letGoOn()
	r.await(fleet.TaskStopped)
	if got := r.log("demo-7-1"); !strings.Contains(got, "all work and no more") || strings.Contains(got, "was cut") {
		t.Errorf("the log is %q", got)
	}
}

func TestNextTaskOfARunnerContinuesItsLog(t *testing.T) {
	r := newRig(t, nil)
	for _, token := range []string{"demo-7-1.0", "demo-7-1.1"} {
		s := spec("demo-7-1", "print 100")
		s.ClientToken = token
		if _, err := r.Launch(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		r.meet("print 100").letGoOn()
		r.await(fleet.TaskStopped)
		delete(r.children, "print 100")
	}
	if got := r.log("demo-7-1"); strings.Count(got, "all work and no more") != 2 {
		t.Errorf("the log is %q", got)
	}
}

func TestTemplate(t *testing.T) {
	template := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(template, "bin", "deep"), 0o755),
		os.WriteFile(filepath.Join(template, "bin", "deep", "tool"), []byte("#!/bin/sh\nexit 5\n"), 0o755),
		os.Symlink("bin/deep/tool", filepath.Join(template, "run.sh")),
		os.Symlink("/no/such/file", filepath.Join(template, "dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(c *Config) { c.Template = template })
	r.launch("demo-7-1", "wait")
	child := r.meet("wait")
	work := r.workDir("demo-7-1")
	for link, want := range map[string]string{"run.sh": "bin/deep/tool", "dangling": "/no/such/file"} {
		if got, err := os.Readlink(filepath.Join(work, link)); err != nil || got != want {
			t.Errorf("%s leads to %q, %v", link, got, err)
		}
	}
	of, err1 := os.Stat(filepath.Join(template, "bin/deep/tool"))
	in, err2 := os.Stat(filepath.Join(work, "bin/deep/tool"))
	if err1 != nil || err2 != nil || !os.SameFile(of, in) {
		t.Errorf("the tool is no hard link: %v, %v", err1, err2)
	}
	child.letGoOn()
	r.await(fleet.TaskStopped)
	if _, err := os.Stat(filepath.Join(template, "bin/deep/tool")); err != nil {
		t.Errorf("the template lost a file with the work directory: %v", err)
	}
}

func TestRelativeCommandIsTheWorkDirectorysOwn(t *testing.T) {
	template := t.TempDir()
	if err := os.WriteFile(filepath.Join(template, "run.sh"), []byte("#!/bin/sh\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Template, c.Command = template, []string{"./run.sh"} })
	r.launch("demo-7-1", "exit 0")
	wantStopped(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, "Essential container in task exited", 5)
}

func TestLayRefusesWhatIsNoFile(t *testing.T) {
	template := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(template, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := lay(context.Background(), template, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "pipe is neither directory, file nor symbolic link") {
		t.Errorf("lay: %v", err)
	}
}

func TestCopyKeepsTheMode(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("content"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(from, to); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(to)
	content, err := os.ReadFile(to)
	if err != nil || string(content) != "content" || info.Mode().Perm() != 0o700 {
		t.Errorf("copied %q with mode %v, %v", content, info.Mode(), err)
	}
	if err := copyFile(from, to); err == nil {
		t.Error("copied over a file")
	}
}

// Without root's rights, this fails unless the directory is made writable first.
func TestProtectedDirectoriesAreRemoved(t *testing.T) {
	r := newRig(t, nil)
	r.launch("demo-7-1", "protect")
	wantStopped(t, r.await(fleet.TaskStopped), fleet.StopEssentialContainerExited, "Essential container in task exited", 0)
	r.wantCleared("demo-7-1")
}
