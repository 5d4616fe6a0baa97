package sim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// session is the connection of an online runner.
type session struct {
	id     string
	runner *runner
	over   bool // closed, lost, or its registration deleted

	waiting chan struct{} // closed to wake the parked question; nil if there is none
	silence Timer         // ends the session; runs while no question is parked

	job        *job // given to it
	accepted   bool
	patience   Timer // takes the job back
	toldCancel bool
}

func (s *Server) open(r *runner, os, version string) *session {
	stop(r.expiry)
	ss := &session{id: s.uuid(), runner: r}
	r.used, r.session, r.os, r.version = true, ss, os, version
	s.sessions[ss.id] = ss
	s.heard(ss)
	s.notify()
	return ss
}

// heard restarts the time after which a silent session is lost.
func (s *Server) heard(ss *session) {
	stop(ss.silence)
	if !ss.over && ss.waiting == nil {
		ss.silence = s.after(s.cfg.LostAfter, func() {
			s.leave(ss, fmt.Sprintf("nothing was heard of it for %s", s.cfg.LostAfter))
		})
	}
}

// leave ends a session from the runner's side: the runner closed it or fell silent. A
// job it was running fails, as on GitHub for a runner that "lost communication with the
// server".
func (s *Server) leave(ss *session, why string) {
	if j := ss.job; j != nil && ss.accepted {
		s.logf(j, "runner %s lost communication with the server: %s", ss.runner.Name, why)
		s.finish(j, protocol.Failure)
		return
	}
	s.end(ss)
	s.wentOffline(ss.runner)
	s.notify()
}

// end closes a session. A job that it had not accepted is queued again.
func (s *Server) end(ss *session) {
	ss.over = true
	stop(ss.silence)
	s.unpark(ss)
	if j := ss.job; j != nil && !ss.accepted {
		s.withdraw(j)
		s.enqueue(j)
	}
	ss.job = nil
	ss.runner.session = nil
}

// park makes the session wait for a message, which is also what makes its runner idle.
// It sends away an older question of the same session.
func (s *Server) park(ss *session) <-chan struct{} {
	s.unpark(ss)
	ss.waiting = make(chan struct{})
	stop(ss.silence)
	s.parked = append(s.parked, ss)
	waiting := ss.waiting
	s.assign()
	return waiting
}

func (s *Server) unpark(ss *session) {
	if ss.waiting == nil {
		return
	}
	close(ss.waiting)
	ss.waiting = nil
	s.parked = slices.DeleteFunc(s.parked, func(other *session) bool { return other == ss })
}

// wake makes a parked session check for its message.
func (s *Server) wake(ss *session) {
	if ss != nil && ss.waiting != nil {
		s.unpark(ss)
		s.heard(ss)
	}
}

// message returns the message that waits for the session, if there is one.
func (s *Server) message(ss *session) *protocol.Message {
	switch {
	case ss.job == nil:
		return nil
	case !ss.accepted:
		return &protocol.Message{Type: protocol.JobMessage, Job: s.jobMessage(ss.job)}
	case ss.job.cancel && !ss.toldCancel:
		ss.toldCancel = true
		return &protocol.Message{Type: protocol.CancelMessage}
	}
	return nil
}

// enqueue makes a job wait for a runner, in the order of age.
func (s *Server) enqueue(j *job) {
	i, _ := slices.BinarySearchFunc(s.queue, j, func(a, b *job) int { return cmp.Compare(a.ID, b.ID) })
	s.queue = slices.Insert(s.queue, i, j)
	if j.expiry == nil {
		j.expiry = s.after(queueLimit, func() { s.cancel(j) })
	}
	s.assign()
}

// assign gives queued jobs, oldest first, to idle runners that have all of
// their labels, longest idle first.
func (s *Server) assign() {
	for _, j := range slices.Clone(s.queue) {
		i := slices.IndexFunc(s.parked, func(ss *session) bool { return ss.job == nil && ss.runner.has(j.Labels) })
		if i < 0 {
			continue
		}
		ss := s.parked[i]
		s.queue = slices.DeleteFunc(s.queue, func(other *job) bool { return other == j })
		j.session, ss.job, ss.accepted = ss, j, false
		ss.patience = s.after(acceptLimit, func() {
			s.withdraw(j)
			s.enqueue(j)
		})
		s.wake(ss)
		s.notify()
	}
}

// withdraw takes a job from the queue, or from a session that has not accepted
// it.
func (s *Server) withdraw(j *job) {
	s.queue = slices.DeleteFunc(s.queue, func(other *job) bool { return other == j })
	if ss := j.session; ss != nil {
		stop(ss.patience)
		j.session, ss.job = nil, nil
	}
	s.notify()
}

// accept makes the job the runner's. It returns false if the job no longer belongs to
// the session.
func (s *Server) accept(ss *session, id int64) bool {
	if ss.job == nil || ss.job.ID != id {
		return false
	}
	if !ss.accepted { // the answer to an earlier one may have been lost
		ss.accepted = true
		stop(ss.patience)
		s.begin(ss.job, ss.runner)
	}
	return true
}

// finish completes a job that a runner has, and with it the registration:
// ephemeral runners are removed after their one job.
func (s *Server) finish(j *job, conclusion string) {
	ss := j.session
	j.session = nil
	s.complete(j, conclusion)
	if ss != nil {
		s.remove(ss.runner)
	}
}
