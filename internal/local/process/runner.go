//go:build unix

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
)

// Runner runs tasks as processes. It is safe for concurrent use.
type Runner struct{ cfg Config }

var _ task.Runner = (*Runner)(nil)

// New returns a runner and makes its directory.
func New(cfg Config) (*Runner, error) {
	if len(cfg.Command) == 0 {
		return nil, errors.New("a runner of processes needs a command")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	if err := os.MkdirAll(filepath.Join(dir, runnersDir), 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	cfg.Grace = cmp.Or(cfg.Grace, task.DefaultGrace)
	cfg.MaxLog = cmp.Or(cfg.MaxLog, task.DefaultMaxLog)
	if cfg.After == nil {
		cfg.After = time.After
	}
	return &Runner{cfg: cfg}, nil
}

// Kind is that of processes.
func (r *Runner) Kind() task.Kind { return task.Processes }

// Start prepares the work directory and starts the command there.
func (r *Runner) Start(_ context.Context, t task.Task) (task.Handle, error) {
	s := r.session(t)
	if err := prepareWorkDir(t.Stopping, s.work, r.cfg.Template); err != nil {
		removeWorkDir(s.work, s.log)
		return nil, fmt.Errorf("%s: %w", task.ResourceInitialization, err)
	}
	cmd := exec.Command(r.cfg.Command[0], r.cfg.Command[1:]...)
	cmd.Dir = s.work
	cmd.Env = environment(s.work, r.cfg.Env, t)
	cmd.Stdout, cmd.Stderr = t.Log, t.Log
	// A session, unlike a process group, also holds what a shell with job
	// control starts, such as GitHub's run.sh.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := t.Stopping.Err()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		removeWorkDir(s.work, s.log)
		return nil, fmt.Errorf("%s: %w", task.CannotStart, err)
	}
	s.lead = leader{pid: cmd.Process.Pid, child: cmd, seen: true}
	if s.lead.start, err = startTime(s.lead.pid); err != nil {
		s.log.say("read the start time of process %d: %v", s.lead.pid, err)
	}
	return s, nil
}

// Adopt finds the task's first process by its record, or else by its mark.
func (r *Runner) Adopt(_ context.Context, t task.Task) (task.Handle, bool) {
	s := r.session(t)
	s.lead = leader{pid: t.Process.PID, start: t.Process.StartTime}
	if s.lead.pid == 0 {
		s.lead.pid, s.lead.start, s.lead.seen = findLeader(s.mark())
	} else {
		s.lead.seen = alive(s.lead.pid, s.lead.start)
	}
	return s, s.lead.seen
}

// Marked lists the tasks with a living process whose HOME is the task's work directory
// here.
func (r *Runner) Marked(context.Context) ([]task.Mark, error) {
	return findTasks(filepath.Join(r.cfg.Dir, runnersDir)), nil
}

// Clear removes the work directories of runners that have no open task.
func (r *Runner) Clear(_ context.Context, open []task.Mark) error {
	entries, err := os.ReadDir(filepath.Join(r.cfg.Dir, runnersDir))
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, m := range open {
		keep[m.RunnerID] = true
	}
	var failed []error
	for _, entry := range entries {
		if id := entry.Name(); !keep[id] && task.CheckRunnerID(id) == nil {
			failed = append(failed, removeTree(r.workDir(id)))
		}
	}
	return errors.Join(failed...)
}

const runnersDir = "runners"

func (r *Runner) workDir(id string) string { return filepath.Join(r.cfg.Dir, runnersDir, id) }

func tempDir(work string) string { return filepath.Join(work, "tmp") }
