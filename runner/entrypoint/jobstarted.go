package entrypoint

import (
	"bufio"
	"cmp"
	"encoding/json"
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
// Its arguments are the socket on which Run answers, and the hook of the base image, if it
// has one. Standard output is in the job's log, below "Set up runner".
//
// It returns 0 if the job may go on, also without an answer, or what the base image's hook
// returns. If policy refuses the job it says why and does not return before the job is ended:
// after a mere failure "if: always()" steps and actions' "pre:" steps would still run
// (actions/runner#2811). What it reads from the job's environment is only where to look for
// the job.
func JobStarted(args, environ []string, stdout io.Writer) (exitCode int) {
	if len(args) < 1 || len(args) > 2 {
		fmt.Fprintln(stdout, "ecsrunner: the job-started hook is called by the fleet's entrypoint alone")
		return fleet.ExitUsage
	}
	// run.sh gives the signal that ends a refused job to all processes of its group.
	signal.Ignore(syscall.SIGINT)
	say(stdout, "asking the fleet whether its policy admits this job")
	switch got, conn, err := askEntrypoint(args[0], environ); {
	case err != nil:
		say(stdout, "the runner's entrypoint gave no answer, so the job goes on without one: %v", err)
	case got.Verdict == fleet.Refused:
		refuse(stdout, got)
		_, _ = conn.Write([]byte{'\n'}) // it has been said
		time.Sleep(longestEnd)
		return 1
	case got.Verdict == fleet.Admitted:
		// What the fleet knows of this runner (its class, image and price) can be printed here,
		// in a group that is folded.
		say(stdout, "the fleet's policy admits it")
	default:
		say(stdout, "the fleet gave no answer for %s, so the job goes on without one: %s", fleet.HookWait, got.Message)
	}
	if len(args) == 1 {
		return 0
	}
	signal.Reset(syscall.SIGINT)
	err := runOwnHook(args[1], environ)
	say(stdout, "run the job-started hook of the image, %s: %v", args[1], err)
	return 1
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

// runOwnHook becomes the base image's hook, as GitHub's runner would run it. It returns only
// if that fails.
func runOwnHook(script string, environ []string) error {
	command, err := hookCommand(script)
	if err != nil {
		return err
	}
	return syscall.Exec(command[0], command, environ)
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
