//go:build unix

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
func (s *session) endLeftovers() {
	if s.signal(syscall.SIGTERM) == 0 || s.gone(look, s.task.Killing.Done()) {
		return
	}
	s.log.say("processes of the task outlived it: killed")
	if !s.gone(syscall.SIGKILL, nil) {
		s.log.say("processes of the task outlived even that")
	}
}

// look is the signal that is never sent: the call only reports whether one could be.
const look = syscall.Signal(0)

// gone sends a signal to what is left of a task until nothing is left. It gives up
// after leftoverGrace, or when impatient is closed.
func (s *session) gone(sig syscall.Signal, impatient <-chan struct{}) bool {
	overdue := s.cfg.After(leftoverGrace)
	for s.signal(sig) > 0 {
		select {
		case <-s.cfg.After(leftoverPoll):
		case <-overdue:
			return false
		case <-impatient:
			return false
		}
	}
	return true
}

// signal signals every process of the task and returns how many there
// were besides the leader. A process is looked at again once it is held (by a
// pidfd on Linux), because its number may have become another's since it was
// listed.
func (s *session) signal(sig syscall.Signal) (found int) {
	s.lead.signalGroup(sig)
	pids, whole := members(s.lead, s.mark())
	for _, pid := range pids {
		held, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		within, marked := belongs(pid, s.lead.pid, s.mark())
		if (marked || whole && within) && !errors.Is(held.Signal(sig), os.ErrProcessDone) {
			found++
		}
		_ = held.Release()
	}
	return found
}

// members lists the living processes of the task apart from its leader: those
// that carry its mark and, if whole is true, those in the leader's session. The
// session is the task's if the leader's id still names it; or else if one with
// the mark lives in it, because then its number was never free.
func members(lead leader, mark string) (pids []int, whole bool) {
	var unmarked []int
	whole = lead.namesSession()
	for _, pid := range processes() {
		if pid == lead.pid || pid == os.Getpid() {
			continue
		}
		within, marked := belongs(pid, lead.pid, mark)
		switch {
		case marked:
			pids = append(pids, pid)
			whole = whole || within
		case within:
			unmarked = append(unmarked, pid)
		}
	}
	if whole {
		pids = append(pids, unmarked...)
	}
	return pids, whole
}

func (s *session) mark() string { return taskVariable + "=" + s.task.ARN }
