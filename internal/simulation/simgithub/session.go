package simgithub

import (
	"errors"
	"time"
)

// Errors of Connect.
var (
	// ErrConflict is the answer to the second runner with one JIT config
	// (actions/actions-runner-controller#4588).
	ErrConflict = errors.New("the JIT config was used before: Conflict")
	// ErrGone says that the registration was deleted.
	ErrGone = errors.New("the registration was not found")
	// ErrUnreachable is temporary.
	ErrUnreachable = errors.New("GitHub cannot be reached")
)

// Events are what a session learns. Each is called as the world and may be nil.
type Events struct {
	Job       func(jobID int64) // offered: Accept it within a minute
	Cancelled func(jobID int64) // end it, and Finish
	Deleted   func()            // the registration is gone, and so is the session
}

// Session is the connection of one runner.
type Session struct {
	g      *GitHub
	r      *runner
	closed bool
}

// Connect opens the one session that a JIT config is good for. It fails with
// ErrConflict, with ErrGone or, while faults of kind Down last for github.connect, with
// ErrUnreachable.
func (g *GitHub) Connect(encodedJITConfig string, on Events) (*Session, error) {
	if _, lasts := g.k.Lasts(Down, "github.connect"); lasts {
		return nil, ErrUnreachable
	}
	r := g.configs[encodedJITConfig]
	switch {
	case r == nil:
		return nil, ErrGone
	case r.used:
		g.k.Log("runner %s cannot connect: its JIT config was used", r.name)
		return nil, ErrConflict
	}
	s := &Session{g: g, r: r}
	r.used, r.online, r.on, r.session = true, true, on, s
	g.showRunner(r)
	g.k.Log("runner %s is online", r.name)
	g.deleteIdle(r)
	g.look(r.repo)
	return s, nil
}

// Accept takes the job that was offered last. It reports whether the job was still
// there: if not, a runner for one job ends (actions/runner: Acknowledge 404).
func (s *Session) Accept() bool {
	r := s.r
	if s.closed || r.gone || r.offered == nil || r.offered != r.told {
		return false
	}
	s.g.accept(r, r.offered)
	return true
}

func (g *GitHub) accept(r *runner, j *job) {
	j.offered, r.offered, r.told = nil, nil, nil
	j.runner, r.job = r, j
	j.foreign = r.foreign
	g.showRunner(r)
	g.begin(j, r.id, r.name, r.group)
	g.completeEarly(j, r)
	g.takeBack(j, r)
}

// Finish ends the job with a conclusion, and the session with it. GitHub deletes the
// registration a moment later: not at once (actions/runner#2809). Without a job it is
// Close.
func (s *Session) Finish(conclusion string) {
	if s.closed || s.r.job == nil {
		s.Close()
		return
	}
	s.closed = true
	s.g.end(s.r, conclusion)
}

// end is what GitHub does when a runner says that its job has ended.
func (g *GitHub) end(r *runner, conclusion string) {
	j := r.job
	j.runner = nil
	if !j.over() {
		g.complete(j, conclusion)
	}
	if r.stays {
		g.release(r)
		return
	}
	r.online, r.job = false, nil
	g.showRunner(r)
	g.k.After(g.k.Between("github.deregister", 100*time.Millisecond, 5*time.Second), func() { g.release(r) })
}

// Close is the end of a listener that does not announce it. A job that it had fails
// when GitHub has lost patience, after 10 to 20 minutes ("lost communication"); a job
// that it was offered is queued again when its minute is over. Without a job the
// registration stays, offline.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	g, r := s.g, s.r
	if r.gone {
		return
	}
	r.online, r.session = false, nil
	g.showRunner(r)
	g.k.Log("runner %s is offline", r.name)
	if j := r.job; j != nil {
		g.k.After(g.k.Between("github.patience", 10*time.Minute, 20*time.Minute), func() { g.loseCommunication(r, j) })
		return
	}
	g.expireLater(r)
}

func (g *GitHub) loseCommunication(r *runner, j *job) {
	if r.job != j {
		return
	}
	g.k.Log("GitHub lost communication with runner %s", r.name)
	if !j.over() {
		g.complete(j, failure)
	}
	g.release(r)
}
