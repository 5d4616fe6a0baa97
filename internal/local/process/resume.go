package process

import (
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Resume takes over the tasks of an earlier launcher that was killed. One that
// lives is notified as RUNNING and goes on as if this launcher had started it,
// but for its exit code. One that is gone is cleared up and notified as STOPPED;
// so is one whose STOPPED may not have been notified. Resume returns at once; to
// call it again does nothing. Its error tells what could not be used of what the
// earlier launcher left; everything else is taken over all the same.
//
// A process that was started but not recorded yet when the launcher was killed is
// found by its mark on Linux. On macOS it is not: its task is notified as
// STOPPED, and nobody ends it.
func (l *Launcher) Resume() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	for _, t := range l.tasks {
		if !t.lives {
			t.lives = true
			go l.liveOn(t)
		}
	}
	problems := l.problems
	l.problems = nil
	return errors.Join(problems...)
}

// liveOn is the rest of the life of a task that another launcher started.
func (l *Launcher) liveOn(t *task) {
	defer t.end()
	log, _ := openLog(l.logPath(t.spec.RunnerID), l.cfg.MaxLog) // without one, nobody hears
	defer log.Close()
	if t.state.LastStatus == fleet.TaskStopped {
		log.sayIf(l.change(t, nothing))
		l.told(t, log)
		return
	}
	l.stopped(t, l.takeOver(t, log), log)
}

// takeOver supervises a task to its end, if it has not come yet, and clears up.
// Nothing of it but the log is left when it returns.
func (l *Launcher) takeOver(t *task, log *logFile) ending {
	defer removeWorkDir(l.workDir(t.spec.RunnerID), log)
	lead := t.leader
	if lead.pid == 0 {
		lead.pid, lead.start, lead.seen = findLeader(t.mark())
	} else {
		lead.seen = alive(lead.pid, lead.start)
	}
	if lead.seen {
		l.supervise(t, lead, log)
		return ending{
			stopCode: fleet.StopEssentialContainerExited,
			reason:   "Essential container in task exited: its exit code is not known, because the fleet was restarted while it ran",
		}
	}
	l.endLeftovers(t, lead, log)
	if t.leader.pid == 0 {
		return ending{
			stopCode: fleet.StopTaskFailedToStart,
			reason:   "CannotStartContainerError: the fleet was killed while it started the task",
		}
	}
	return ending{
		stopCode: fleet.StopEssentialContainerExited,
		reason:   "Essential container in task exited: its exit code is not known, because it ended while the fleet was down",
	}
}
