package entrypoint_test

import (
	"os"
	"os/exec"
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
		"child has ACTIONS_RUNNER_INPUT_JITCONFIG="+jitConfig+"\n",
		"child has ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE=1\n",
		"child has RUNNER_MANUALLY_TRAP_SIG=1\n",
		"child has ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=0\n",
		"child has HOME=/home/runner\n",
		"child has RUNNER_ID=demo-7-1\n")
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
	wantOutput(t, output, "child has ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1\n")
}

func TestSignalIsForwardedOnce(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "obey")
	w.clock.frozen = true
	w.onLine = func(line string) {
		if line == "child is ready" {
			w.signals <- syscall.SIGINT
			w.signals <- syscall.SIGTERM
		}
	}
	code, output := w.run(t)
	if code != 143 {
		t.Errorf("exit code %d, want the runner's own 143", code)
	}
	wantOutput(t, output, "child got interrupt\n", "the runner exited with status 143")
	if n := strings.Count(output, "ecsrunner: forwarded "); n != 1 {
		t.Errorf("forwarded %d signals:\n%s", n, output)
	}
}

// The world's run ends only when the runner's helper is dead too.
func TestRunnerThatDoesNotStopIsKilledWithItsGroup(t *testing.T) {
	w := newWorld(serve(t, claimed).URL, "defy")
	w.Environ = append(w.Environ, "STOP_TIMEOUT=5")
	w.onLine = func(line string) {
		if line == "child is ready" {
			w.signals <- syscall.SIGTERM
		}
	}
	code, output := w.run(t)
	if code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
	wantOutput(t, output, "forwarded SIGTERM to the runner, which has 5s to end", "did not end in 5s: killing it")
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
