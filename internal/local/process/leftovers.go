package process

import (
	"errors"
	"os"
	"syscall"
	"time"
)

const (
	// leftoverGrace is what a process that outlived its task's leader gets from
	// SIGTERM to SIGKILL. It is also how long a kill may take to show.
	leftoverGrace = 5 * time.Second

	leftoverPoll = 20 * time.Millisecond
)

// taskVariable is in the environment of every process of a task. On Linux it
// finds those that made a session of their own, as daemons do.
const taskVariable = "ECSRUNNER_TASK"

// endLeftovers ends what the task's leader, which has exited, left behind.
func (l *Launcher) endLeftovers(t *task, leader int, log *logFile) {
	if l.signalSession(t, leader, syscall.SIGTERM) == 0 {
		return
	}
	if l.gone(t, leader, look, t.killing.Done()) {
		return
	}
	log.say("processes of the task outlived it: killed")
	if !l.gone(t, leader, syscall.SIGKILL, nil) {
		log.say("processes of the task outlived even that")
	}
}

// look is the signal that is not sent: it only finds out whether one could be.
const look = syscall.Signal(0)

// gone sends a signal to what is left of a task until nothing is. It gives up
// after leftoverGrace, or when impatient is closed.
func (l *Launcher) gone(t *task, leader int, sig syscall.Signal, impatient <-chan struct{}) bool {
	overdue := l.cfg.After(leftoverGrace)
	for l.signalSession(t, leader, sig) > 0 {
		select {
		case <-l.cfg.After(leftoverPoll):
		case <-overdue:
			return false
		case <-impatient:
			return false
		}
	}
	return true
}

// session lists the living processes of the task apart from its leader.
func (l *Launcher) session(t *task, leader int) []int {
	var pids []int
	for _, pid := range processes() {
		if pid != leader && pid != os.Getpid() && belongs(pid, leader, t.mark()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// signalSession signals every process of the task and returns how many there
// were besides the leader. A process is looked at again once it is held (by a
// pidfd on Linux), because its number may have become another's since it was
// listed.
func (l *Launcher) signalSession(t *task, leader int, sig syscall.Signal) (found int) {
	_ = syscall.Kill(-leader, sig) // fails only if nothing but a zombie is left
	for _, pid := range l.session(t, leader) {
		held, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		if belongs(pid, leader, t.mark()) && !errors.Is(held.Signal(sig), os.ErrProcessDone) {
			found++
		}
		_ = held.Release()
	}
	return found
}

func (t *task) mark() string { return taskVariable + "=" + t.arn }
