package standin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// drain is how long output is awaited after a step's shell has ended, while
// something that it started still runs.
const drain = time.Second

// shell runs the script of a step and what it leaves in its command files.
func (r *jobRun) shell(ctx context.Context, i int, step protocol.Step) error {
	argv, err := r.interpreter(step.Shell)
	if err != nil {
		return err
	}
	script := filepath.Join(r.temp, fmt.Sprintf("step-%d.sh", i+1))
	if err := os.WriteFile(script, []byte(step.Run+"\n"), 0o755); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	files, err := newCommandFiles(r.temp, i)
	if err != nil {
		return err
	}

	dir := r.workspace
	if wd := step.WorkingDirectory; filepath.IsAbs(wd) {
		dir = wd
	} else if wd != "" {
		dir = filepath.Join(dir, wd)
	}
	cmd := exec.Command(argv[0], append(argv[1:], script)...)
	cmd.Dir, cmd.Env = dir, r.environ(step, files)
	if err := r.process(ctx, cmd); err != nil {
		return err
	}
	return r.apply(files)
}

// interpreter returns the command that GitHub runs for a shell. Without bash,
// sh takes its place.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
func (r *jobRun) interpreter(shell string) ([]string, error) {
	if shell != "sh" {
		bash, err := r.cfg.LookPath("bash")
		switch {
		case err == nil && shell == "bash":
			return []string{bash, "--noprofile", "--norc", "-eo", "pipefail"}, nil
		case err == nil:
			return []string{bash, "-e"}, nil
		}
		r.log.printf("there is no bash here, so sh runs the step")
	}
	sh, err := r.cfg.LookPath("sh")
	if err != nil {
		return nil, fmt.Errorf("find a shell: %w", err)
	}
	return []string{sh, "-e"}, nil
}

// process runs cmd as the leader of a group of its own, which is killed when
// ctx ends. What the group leaves behind lives until the end of the job, as a
// server for later steps may have to.
func (r *jobRun) process(ctx context.Context, cmd *exec.Cmd) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	output, input, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = input, input
	ownGroup(cmd)
	err = cmd.Start()
	input.Close()
	if err != nil {
		output.Close()
		return fmt.Errorf("start the step: %w", err)
	}
	left := leftover{group: cmd.Process.Pid, output: output, copied: make(chan struct{})}
	go func() {
		defer close(left.copied)
		r.log.copy(output)
	}()
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	select {
	case err = <-exited:
	case <-ctx.Done():
		killGroup(left.group)
		<-exited
		err = ctx.Err()
	}
	if ctx.Err() == nil && groupLives(left.group) {
		r.left = append(r.left, left)
		left.drain()
	} else {
		left.end()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		//lint:ignore ST1005 these are the words of GitHub's runner
		return fmt.Errorf("Process completed with exit code %d.", exit.ExitCode())
	}
	return err
}

// leftover is the process group of a step whose shell has ended.
type leftover struct {
	group  int
	output *os.File
	copied chan struct{}
}

// drain waits for output, but not for long.
func (l leftover) drain() {
	select {
	case <-l.copied:
	case <-time.After(drain):
	}
}

// end kills what is left and returns when its output is copied. A process that
// left the group may hold the output open; it is closed all the same.
func (l leftover) end() {
	if groupLives(l.group) {
		killGroup(l.group)
	}
	l.drain()
	l.output.Close()
	<-l.copied
}
