package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// containerName stands for the one container of a task, as in ECS's events.
const containerName = "runner"

// task is one task's state, under the launcher's mutex, and the ways to end it.
type task struct {
	arn        string
	spec       Spec // of a task that was taken over, only the runner id and the client token
	parameters string

	state    fleet.Task
	leader   leader
	stopTold bool        // Notify has returned from STOPPED
	lives    bool        // a goroutine looks after it, or it has stopped
	saving   *sync.Mutex // held to write the runner's record

	stopping context.Context // ends when the task is to stop
	stop     context.CancelFunc
	killing  context.Context // ends when it is to be killed
	hurry    context.CancelFunc
	done     chan struct{} // closed when nothing of the task is left
}

func newTask(spec Spec, state fleet.Task) *task {
	t := &task{arn: state.ARN, spec: spec, parameters: spec.parameters(), state: state, saving: new(sync.Mutex), done: make(chan struct{})}
	t.stopping, t.stop = context.WithCancel(context.Background())
	t.killing, t.hurry = context.WithCancel(context.Background())
	return t
}

func pending(arn, runnerID string, now time.Time) fleet.Task {
	return fleet.Task{
		ARN:           arn,
		StartedBy:     runnerID,
		LastStatus:    fleet.TaskPending,
		DesiredStatus: fleet.TaskRunning,
		Containers:    []fleet.Container{{Name: containerName}},
		CreatedAt:     &now,
		Version:       1,
	}
}

// snapshot is a copy that nobody changes. Only containers are ever changed in
// place.
func (t *task) snapshot() fleet.Task {
	s := t.state
	s.Containers = append([]fleet.Container(nil), s.Containers...)
	return s
}

// wantStopped tells whether that is new.
func (t *task) wantStopped(reason string) bool {
	if t.state.DesiredStatus == fleet.TaskStopped {
		return false
	}
	t.state.DesiredStatus = fleet.TaskStopped
	t.state.StopCode, t.state.StoppedReason = fleet.StopUserInitiated, reason
	t.state.Version++
	t.stop()
	return true
}

// end says that nothing of the task is left.
func (t *task) end() {
	t.stop()
	t.hurry()
	close(t.done)
}

// live is a task's life. Each task has one goroutine for it, so its changes are
// notified in order.
func (l *Launcher) live(t *task) {
	defer t.end()
	log, err := openLog(l.logPath(t.spec.RunnerID), l.cfg.MaxLog)
	defer func() { _ = log.Close() }() // also of one that could not be opened, which does nothing
	// There is a record before there is a process.
	if err = errors.Join(err, l.change(t, nothing)); err != nil {
		l.stopped(t, notStarted("ResourceInitializationError", err), log)
		return
	}
	l.stopped(t, l.runToEnd(t, log), log)
}

// change applies one change of LastStatus, records it and tells of it. It fails
// if it could not be recorded.
func (l *Launcher) change(t *task, apply func(*fleet.Task)) error {
	l.mu.Lock()
	apply(&t.state)
	s := t.snapshot()
	l.mu.Unlock()
	err := l.save(t)
	l.cfg.Notify(s)
	return err
}

func nothing(*fleet.Task) {}

func (l *Launcher) running(s *fleet.Task) {
	now := l.cfg.Now()
	s.LastStatus, s.StartedAt = fleet.TaskRunning, &now
	s.Version++
}

// stopped is the last change of a task.
func (l *Launcher) stopped(t *task, end ending, log *logFile) {
	log.sayIf(l.change(t, func(s *fleet.Task) {
		now := l.cfg.Now()
		s.LastStatus, s.StoppedAt = fleet.TaskStopped, &now
		s.Containers[0].ExitCode = end.exitCode
		if end.exitCode == nil {
			s.Containers[0].Reason = end.reason
		}
		if s.DesiredStatus != fleet.TaskStopped {
			s.DesiredStatus, s.StopCode, s.StoppedReason = fleet.TaskStopped, end.stopCode, end.reason
		}
		s.Version++
	}))
	l.told(t, log)
}

// told records that STOPPED was notified, so that it is not again.
func (l *Launcher) told(t *task, log *logFile) {
	l.mu.Lock()
	t.stopTold = true
	l.mu.Unlock()
	log.sayIf(l.save(t))
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
func (l *Launcher) runToEnd(t *task, log *logFile) ending {
	work := l.workDir(t.spec.RunnerID)
	defer removeWorkDir(work, log)
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
	l.afterFork()
	lead := leader{pid: cmd.Process.Pid, child: cmd, seen: true}
	var err error
	if lead.start, err = startTime(lead.pid); err != nil {
		log.say("read the start time of process %d: %v", lead.pid, err)
	}
	l.supervise(t, lead, log)
	return ending{
		exitCode: lead.exitCode(),
		stopCode: fleet.StopEssentialContainerExited,
		reason:   "Essential container in task exited",
	}
}

// supervise notes that the task runs, and returns when its leader has exited and
// the rest of its session is gone.
func (l *Launcher) supervise(t *task, lead leader, log *logFile) {
	log.sayIf(l.change(t, func(s *fleet.Task) {
		t.leader = lead
		if s.LastStatus == fleet.TaskPending {
			l.running(s)
		}
	}))

	exited := lead.exited(l.cfg.After)
	stopping, killing := t.stopping.Done(), t.killing.Done()
	var overdue <-chan time.Time
	kill := func() {
		stopping, killing, overdue = nil, nil, nil
		signalSession(t, lead, syscall.SIGKILL)
	}
	for running := true; running; {
		select {
		case <-exited:
			running = false
		case <-stopping:
			stopping = nil
			lead.signalGroup(syscall.SIGTERM)
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
	l.endLeftovers(t, lead, log)
	log.trim()
}
