package entrypoint

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// HookCommand is the argument by which a program calls JobStarted in place of Run.
const HookCommand = "job-started"

const (
	// longestHook is when a hook gives up its entrypoint, which answers before.
	longestHook = fleet.HookWait + time.Minute

	// longestEnd is how long a refused job may take to be ended. Then its container is gone.
	longestEnd = 10 * time.Minute
)

// JobStarted is the job-started hook of a runner, called by the script that Run has written.
// Its arguments are the socket on which Run answers, "" if the fleet is not to be asked, the
// hook of the base image, "" if it has none, and what the log of the job is to say of the
// runner. Standard output is in the job's log, below "Set up runner".
//
// It returns 0 if the job may go on, also without an answer, or what the base image's hook
// returns, which runs before anything is said of the runner. If policy refuses the job it says why and does not return before the job is ended:
// after a mere failure "if: always()" steps and actions' "pre:" steps would still run
// (actions/runner#2811). What it reads from the job's environment is only where to look for
// the job.
func JobStarted(args, environ []string, stdout io.Writer) (exitCode int) {
	if len(args) < 1 || len(args) > 3 || args[0] == "" && len(args) < 3 {
		fmt.Fprintln(stdout, "ecsrunner: the job-started hook is called by the fleet's entrypoint alone")
		return fleet.ExitUsage
	}
	args = append(args, "", "")[:3]
	var jobID int64
	if args[0] != "" {
		if jobID, exitCode = admitted(args[0], environ, stdout); exitCode != 0 {
			return exitCode
		}
	}
	if args[1] != "" {
		if code := runOwnHook("job-started", args[1], environ, stdout); code != 0 {
			return code
		}
	}
	if log, ok := decoded(args[2]); ok {
		describeRunner(stdout, log, jobID)
	}
	return 0
}

// admitted asks the fleet about the job. It returns the job's id, 0 without an answer. For a
// refused job it does not return before that is ended.
func admitted(socket string, environ []string, stdout io.Writer) (jobID int64, exitCode int) {
	// run.sh gives the signal that ends a refused job to all processes of its group.
	signal.Ignore(syscall.SIGINT)
	defer signal.Reset(syscall.SIGINT)
	say(stdout, "asking the fleet whether its policy admits this job")
	switch got, conn, err := askEntrypoint(socket, environ); {
	case err != nil:
		say(stdout, "the runner's entrypoint gave no answer, so the job goes on without one: %v", err)
	case got.Verdict == fleet.Refused:
		refuse(stdout, got)
		_, _ = conn.Write([]byte{'\n'}) // it has been said
		time.Sleep(longestEnd)
		return 0, 1
	case got.Verdict == fleet.Admitted:
		say(stdout, "the fleet's policy admits it")
		jobID = got.JobID
	default:
		say(stdout, "the fleet gave no answer for %s, so the job goes on without one: %s", fleet.HookWait, got.Message)
	}
	return jobID, 0
}

// askEntrypoint asks on a socket. The connection stays open.
func askEntrypoint(socket string, environ []string) (got fleet.JobResponse, _ net.Conn, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return got, nil, err
	}
	env := variables(environ)
	id, _ := strconv.ParseInt(env["GITHUB_RUN_ID"], 10, 64)
	_ = conn.SetDeadline(time.Now().Add(longestHook))
	if err := json.NewEncoder(conn).Encode(fleet.JobHint{Repository: fleet.Clip(env["GITHUB_REPOSITORY"], 300), WorkflowRunID: id}); err != nil {
		return got, conn, err
	}
	err = json.NewDecoder(bufio.NewReader(conn)).Decode(&got)
	return got, conn, err
}

// refuse says why the job ends, as an error that GitHub also shows on the workflow run's page
// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands).
func refuse(out io.Writer, got fleet.JobResponse) {
	var text strings.Builder
	say(&text, "%s (rule %s). The job got a runner that was started for another job; it ends here, before its first step.",
		strings.TrimSuffix(cmp.Or(got.Reason, "policy refuses the job"), "."), got.Rule)
	message := strings.ReplaceAll(strings.TrimSuffix(text.String(), "\n"), "%", "%25")
	fmt.Fprintf(out, "::error title=Refused by the policy of the runner fleet::%s\n", message)
}

// runOwnHook runs a hook of the base image, as GitHub's runner would run it, and returns its
// exit code: 1 if it cannot be run.
func runOwnHook(which, script string, environ []string, stdout io.Writer) int {
	command, err := hookCommand(script)
	if err == nil {
		// Its own signals are the hook's to obey: this process waits for it.
		waits := make(chan os.Signal, 1)
		signal.Notify(waits, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(waits)
		own := exec.Command(command[0], command[1:]...)
		own.Env, own.Stdin, own.Stdout, own.Stderr = environ, os.Stdin, stdout, os.Stderr
		err = own.Run()
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return exitCodeOf(status.Signal())
			}
			return exit.ExitCode()
		}
	}
	if err != nil {
		say(stdout, "run the %s hook of the image, %s: %v", which, script, err)
		return 1
	}
	return 0
}

// hookCommand is how GitHub's runner runs a hook (actions/runner ScriptHandlerHelpers.cs).
func hookCommand(script string) ([]string, error) {
	if _, err := os.Stat(script); err != nil {
		return nil, err
	}
	switch filepath.Ext(script) {
	case ".sh":
		if bash, err := exec.LookPath("bash"); err == nil {
			return []string{bash, "--noprofile", "--norc", "-e", "-o", "pipefail", script}, nil
		}
		sh, err := exec.LookPath("sh")
		return []string{sh, "-e", script}, err
	case ".ps1":
		pwsh, err := exec.LookPath("pwsh")
		return []string{pwsh, "-command", ". '" + strings.ReplaceAll(script, "'", "''") + "'"}, err
	}
	return nil, fmt.Errorf("GitHub's runner runs hooks that end with .sh or .ps1")
}
