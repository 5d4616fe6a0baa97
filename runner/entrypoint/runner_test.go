package entrypoint_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestExitCodes(t *testing.T) {
	tests := map[string]struct {
		child   string
		command []string
		want    int
		said    string
	}{
		"the runner's own":     {"exit 7", []string{os.Args[0]}, 7, "the runner exited with status 7 after"},
		"killed by a signal":   {"die", []string{os.Args[0]}, 137, "the runner exited with status 137 after"},
		"no such file":         {"exit 0", []string{"./no-such-runner"}, fleet.ExitRunnerNotFound, "there is no ./no-such-runner in this image"},
		"no such command":      {"exit 0", []string{"no-such-runner"}, fleet.ExitRunnerNotFound, "there is no no-such-runner in this image"},
		"the default command":  {"exit 0", nil, fleet.ExitRunnerNotFound, "starting ./run.sh\n"},
		"not to be executed":   {"exit 0", []string{"/"}, fleet.ExitRunnerNotFound, "start /: "},
		"a command with words": {"exit 3", []string{"sh", "-c", "exit 5"}, 5, "starting sh -c exit 5\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(serve(t, claimed).URL, test.child)
			w.Args = test.command
			code, output := w.run(t)
			if code != test.want {
				t.Errorf("exit code %d, want %d", code, test.want)
			}
			wantOutput(t, output, test.said)
		})
	}
}

func TestCommandFromTheEnvironmentIsOnePath(t *testing.T) {
	path := t.TempDir() + "/my runner"
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 6\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(serve(t, claimed).URL, "exit 0")
	w.Args = nil
	w.Environ = append(w.Environ, "RUNNER_COMMAND="+path)
	if code, output := w.run(t); code != 6 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func TestRunnerEnvironment(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "print-environment")
	w.Environ = append(w.Environ, "CLAIM_ANYTHING=x", "HOME=/home/runner",
		"ACTIONS_RUNNER_INPUT_JITCONFIG=stale", "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=0", "RUNNER_MANUALLY_TRAP_SIG=")
	_, output := w.run(t)
	wantOutput(t, output,
		"| child has ACTIONS_RUNNER_INPUT_JITCONFIG="+jitConfig+"\n",
		"| child has ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE=1\n",
		"| child has RUNNER_MANUALLY_TRAP_SIG=1\n",
		"| child has ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=0\n",
		"| child has HOME=/home/runner\n",
		"| child has RUNNER_ID=demo-7-1\n")
	for _, unwanted := range []string{"CLAIM_", claimToken, "stale"} {
		if strings.Contains(output, unwanted) {
			t.Errorf("the runner's environment has %s:\n%s", unwanted, output)
		}
	}
	if value, ok := os.LookupEnv("ACTIONS_RUNNER_INPUT_JITCONFIG"); ok {
		t.Errorf("the entrypoint's own environment has the credential: %s", value)
	}
}

func TestTheLogGoesToStdoutUnlessSet(t *testing.T) {
	_, output := newWorld(serve(t, claimed).URL, "print-environment").run(t)
	wantOutput(t, output, "| child has ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1\n")
}

func TestSignalIsForwardedOnce(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "obey")
	w.clock.frozen = true
	w.onLine = func(line string) {
		if line == "| child is ready" {
			w.signals <- syscall.SIGINT
			w.signals <- syscall.SIGTERM
		}
	}
	code, output := w.run(t)
	if code != 143 {
		t.Errorf("exit code %d, want the runner's own 143", code)
	}
	wantOutput(t, output, "| child got interrupt\n", "the runner exited with status 143")
	if n := strings.Count(output, "ecsrunner: forwarded "); n != 1 {
		t.Errorf("forwarded %d signals:\n%s", n, output)
	}
}

func TestRunnerThatDoesNotStopIsKilledWithItsGroup(t *testing.T) {
	lives := newFIFO(t)
	w := newWorld(serve(t, claimed).URL, "defy "+lives.Name())
	w.Environ = append(w.Environ, "STOP_TIMEOUT=5")
	w.onLine = func(line string) {
		if line == "| child is ready" {
			w.signals <- syscall.SIGTERM
		}
	}
	code, output := w.run(t)
	if code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
	wantOutput(t, output, "forwarded SIGTERM to the runner, which has 5s to end", "did not end in 5s: killing it")
	// The runner and its helper are the writers: the end comes when both are dead.
	if _, err := lives.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the pipe of the runner's group: %v", err)
	}
}

// newFIFO is the reading end of a named pipe.
func newFIFO(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { file.Close() })
	return file
}

// The container ends with the runner, whatever the runner leaves behind.
func TestAnOrphanThatHoldsTheOutputIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	orphan, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer orphan.Close() // which ends it
	w := newWorld(serve(t, claimed).URL, "leave "+path)
	w.clock.frozen = true
	if code, output := w.run(t); code != 4 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if _, err := orphan.WriteString("x"); err != nil {
		t.Error(err)
	}
}

func TestAllThatTheRunnerWroteIsLogged(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "yes")
	w.Environ = append(w.Environ, "LOG_MIB=100")
	_, output := w.run(t)
	lines, long := strings.Count(output, "| y\n"), 0
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "| yy") || strings.HasPrefix(line, "+ ") {
			long += len(line) - len("+ \n")
		}
	}
	if lines != 2<<20 || long != 2<<20 {
		t.Errorf("%d lines, and a line of %d bytes", lines, long)
	}
	if !strings.Contains(output[len(output)-200:], "\necsrunner: the runner exited with status 0") {
		t.Errorf("the log ends %q", output[len(output)-200:])
	}
}

func TestTheLogIsBoundedAndTheJobGoesOn(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "yes")
	w.Environ = append(w.Environ, "LOG_MIB=1")
	code, output := w.run(t)
	if code != 0 || len(output) > 1<<20 {
		t.Errorf("exit code %d and %d bytes", code, len(output))
	}
	wantOutput(t, output, "its limit of 1 MiB (runner_log_mib)", "ecsrunner: the runner exited with status 0")
}

func TestTheJobsLinesAreNotTheEntrypoints(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, `print "ecsrunner: forged\n{\"_aws\":{}}\recsrunner: forged"`)
	_, output := w.run(t)
	wantOutput(t, output, "\n| ecsrunner: forged\n| {\"_aws\":{}}\n| ecsrunner: forged\necsrunner: the runner exited")
}

func TestTheJobIsShutOutBeforeTheRunnerStarts(t *testing.T) {
	for what, test := range map[string]struct {
		err  error
		want string
	}{
		"done":          {nil, "claimed as demo-7-1.1\necsrunner: starting "},
		"not known":     {errors.ErrUnsupported, "claimed as demo-7-1.1\necsrunner: starting "},
		"does not work": {errors.New("forbidden"), "the job may reach this process: forbidden\necsrunner: starting "},
	} {
		t.Run(what, func(t *testing.T) {
			sealed := 0
			w := newWorld(serve(t, claimed).URL, "exit 0")
			w.Seal = func() error { sealed++; return test.err }
			code, output := w.run(t)
			if code != 0 || sealed != 1 {
				t.Errorf("exit code %d, sealed %d times", code, sealed)
			}
			wantOutput(t, output, test.want)
		})
	}
}

func TestMainConnects(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	command := t.TempDir() + "/entrypoint"
	if out, err := exec.Command("go", "build", "-o", command, "../cmd/entrypoint").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(command, "sh", "-c", "exit 9")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "RUNNER_ID=demo-7-1", "CLAIM_URL=" + serve(t, claimed).URL, "CLAIM_TOKEN=t"}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
