//go:build unix

package entrypoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// runRunner starts the runner with its credential and returns its exit code.
func (e entrypoint) runRunner(ctx context.Context, s settings, claimed Claimed) int {
	environ := runnerEnvironment(e.Environ, claimed.Credential)
	own := variables(e.Environ)
	var refused <-chan struct{}
	var dir string
	if claimed.AskAboutJob {
		h, err := e.newHook(ctx, claimed, own[hookVariable])
		if err != nil {
			e.say("%v", err)
			return fleet.ExitUsage
		}
		defer h.close()
		environ, refused, dir = with(environ, map[string]string{hookVariable: h.script}), h.refused, h.dir
	}
	if claimed.JobLog != nil && len(e.Self) > 0 {
		scripts, done, err := e.logScripts(dir, *claimed.JobLog, own)
		if err != nil { // the job does not need it
			e.say("the log of the job does not say what its runner is: %v", err)
		}
		defer done()
		environ = with(environ, scripts)
	}
	if err := e.Seal(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		e.say("the job may reach this process: %v", err)
	}
	output, err := newPipe(newOutput(e.Stdout, s.logLimit))
	if err != nil {
		e.say("%v", err)
		return fleet.ExitRunnerNotFound
	}
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Env = environ
	cmd.Stdout, cmd.Stderr = output.write, output.write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	e.say("starting %s", strings.Join(s.command, " "))
	started := e.Now()
	err = cmd.Start()
	output.begun()
	if err != nil {
		output.end()
		e.say("%s", cannotStart(s.command[0], err))
		return fleet.ExitRunnerNotFound
	}
	var status syscall.WaitStatus
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		status, err = reap(cmd.Process.Pid)
	}()
	e.supervise(ctx, s, cmd.Process, exited, refused)
	output.end()

	if err != nil {
		e.say("the runner's end was lost: %v", err)
		return fleet.ExitRunnerNotFound
	}
	code := status.ExitStatus()
	if status.Signaled() {
		code = exitCodeOf(status.Signal())
	}
	e.say("the runner exited with status %d after %s", code, e.Now().Sub(started).Round(time.Millisecond))
	return code
}

// supervise returns when the runner has exited. It forwards one signal, or sends SIGINT if
// the runner's job is refused, which skips all of the job's steps, and kills the
// runner's process group if the runner does not obey in time. The processes that run.sh
// starts are in further groups (it runs with job control); those end with the
// container, or with the task of the one-machine platform.
func (e entrypoint) supervise(ctx context.Context, s settings, runner *os.Process, exited, refused <-chan struct{}) {
	signals, cancelled := e.Signals, ctx.Done()
	var overdue <-chan time.Time
	forward := func(sig os.Signal) {
		signals, cancelled, refused = nil, nil, nil
		e.say("forwarded %s to the runner, which has %s to end", signalName(sig), s.stopTimeout)
		_ = runner.Signal(sig) // fails only if it has exited
		overdue = e.After(s.stopTimeout)
	}
	for {
		select {
		case <-exited:
			return
		case sig := <-signals:
			forward(sig)
		case <-cancelled:
			forward(syscall.SIGTERM)
		case <-refused:
			e.say("policy refuses the runner's job, which ends before its first step")
			forward(syscall.SIGINT)
		case <-overdue:
			e.say("the runner did not end in %s: killing it", s.stopTimeout)
			_ = syscall.Kill(-runner.Pid, syscall.SIGKILL) // fails only if it has exited
			<-exited
			return
		}
	}
}

func cannotStart(command string, err error) string {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return "there is no " + command + " in this image: set its path as the container's command or in RUNNER_COMMAND"
	}
	return "start " + command + ": " + err.Error()
}
