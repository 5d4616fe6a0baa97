package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// containerName stands for the one container of a task, as in ECS's events.
const containerName = "runner"

// task is one task's state, under the launcher's mutex, and the ways to end it.
type task struct {
	arn  string
	spec Spec

	state fleet.Task

	stopping context.Context // ends when the task is to stop
	stop     context.CancelFunc
	killing  context.Context // ends when it is to be killed
	hurry    context.CancelFunc
	done     chan struct{} // closed when nothing of the task is left
}

func newTask(spec Spec, arn string, now time.Time) *task {
	t := &task{arn: arn, spec: spec, done: make(chan struct{})}
	t.stopping, t.stop = context.WithCancel(context.Background())
	t.killing, t.hurry = context.WithCancel(context.Background())
	t.state = fleet.Task{
		ARN:           arn,
		StartedBy:     spec.RunnerID,
		LastStatus:    fleet.TaskPending,
		DesiredStatus: fleet.TaskRunning,
		Containers:    []fleet.Container{{Name: containerName}},
		CreatedAt:     &now,
		Version:       1,
	}
	return t
}

// snapshot is a copy that nobody changes. Only containers are ever changed in
// place.
func (t *task) snapshot() fleet.Task {
	s := t.state
	s.Containers = append([]fleet.Container(nil), s.Containers...)
	return s
}

func (t *task) wantStopped(reason string) {
	if t.state.DesiredStatus == fleet.TaskStopped {
		return
	}
	t.state.DesiredStatus = fleet.TaskStopped
	t.state.StopCode, t.state.StoppedReason = fleet.StopUserInitiated, reason
	t.state.Version++
	t.stop()
}

// live is a task's life. Each task has one goroutine for it, so its changes are
// notified in order.
func (l *Launcher) live(t *task) {
	defer close(t.done)
	defer t.stop()
	defer t.hurry()
	l.change(t, func(*fleet.Task) {})

	end := l.runToEnd(t)
	l.change(t, func(s *fleet.Task) {
		now := l.cfg.Now()
		s.LastStatus, s.StoppedAt = fleet.TaskStopped, &now
		s.Containers[0].ExitCode = end.exitCode
		if s.DesiredStatus != fleet.TaskStopped {
			s.DesiredStatus, s.StopCode, s.StoppedReason = fleet.TaskStopped, end.stopCode, end.reason
			if end.exitCode == nil {
				s.Containers[0].Reason = end.reason
			}
		}
		s.Version++
	})
}

// change applies one change of LastStatus and tells of it.
func (l *Launcher) change(t *task, apply func(*fleet.Task)) {
	l.mu.Lock()
	apply(&t.state)
	s := t.snapshot()
	l.mu.Unlock()
	l.cfg.Notify(s)
}

// ending is how a task ended of itself; one that was told to stop says so.
type ending struct {
	exitCode *int
	stopCode string
	reason   string
}

func notStarted(what string, err error) ending {
	return ending{stopCode: fleet.StopTaskFailedToStart, reason: fmt.Sprintf("%s: %v", what, err)}
}

// runToEnd prepares, runs and clears up one task. Nothing of it but the log is
// left when it returns.
func (l *Launcher) runToEnd(t *task) ending {
	log, err := openLog(l.logPath(t.spec.RunnerID), l.cfg.MaxLog)
	if err != nil {
		return notStarted("ResourceInitializationError", err)
	}
	defer log.Close()

	work := l.workDir(t.spec.RunnerID)
	defer func() {
		if err := removeTree(work); err != nil {
			log.say("remove the work directory: %v", err)
		}
	}()
	if err := prepareWorkDir(t.stopping, work, l.cfg.Template); err != nil {
		return notStarted("ResourceInitializationError", err)
	}

	cmd := exec.Command(l.cfg.Command[0], l.cfg.Command[1:]...)
	cmd.Dir = work
	cmd.Env = environment(work, l.cfg.Env, t)
	cmd.Stdout, cmd.Stderr = log.file, log.file
	// A session, unlike a process group, also holds what a shell with job
	// control starts, such as GitHub's run.sh.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := t.stopping.Err(); err != nil {
		return notStarted("CannotStartContainerError", err)
	}
	if err := cmd.Start(); err != nil {
		return notStarted("CannotStartContainerError", err)
	}

	record := l.recordPath(t.spec.RunnerID)
	if err := writeRecord(record, t, cmd.Process.Pid); err != nil {
		log.say("record the process: %v", err)
	}
	defer os.Remove(record)
	l.change(t, func(s *fleet.Task) {
		now := l.cfg.Now()
		s.LastStatus, s.StartedAt = fleet.TaskRunning, &now
		s.Version++
	})

	code := l.awaitEnd(t, cmd, log)
	return ending{
		exitCode: &code,
		stopCode: fleet.StopEssentialContainerExited,
		reason:   "Essential container in task exited",
	}
}

// awaitEnd supervises a started command until all of its session is gone, and
// returns its exit code, 128+n for signal n.
func (l *Launcher) awaitEnd(t *task, cmd *exec.Cmd, log *logFile) int {
	pid := cmd.Process.Pid
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		awaitExit(pid)
	}()

	stopping, killing := t.stopping.Done(), t.killing.Done()
	var overdue <-chan time.Time
	kill := func() {
		stopping, killing, overdue = nil, nil, nil
		l.signalSession(t, pid, syscall.SIGKILL)
	}
	for running := true; running; {
		select {
		case <-exited:
			running = false
		case <-stopping:
			stopping = nil
			_ = syscall.Kill(-pid, syscall.SIGTERM) // fails only if it has exited
			overdue = l.cfg.After(l.cfg.Grace)
		case <-overdue:
			log.say("the task did not end within %s of SIGTERM: killed", l.cfg.Grace)
			kill()
		case <-killing:
			log.say("the task was killed before its grace of %s ended", l.cfg.Grace)
			kill()
		case <-l.cfg.After(trimInterval):
			log.trim()
		}
	}
	// The leader is a zombie until Wait: as long, its number names this session
	// and no other.
	l.endLeftovers(t, pid, log)
	log.trim()
	_ = cmd.Wait() // ProcessState says it all

	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
