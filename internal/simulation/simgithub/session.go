package simgithub

import "time"

// Registration is a runner as it truly is.
type Registration struct {
	ID         int64
	Repository string // its name now
	Name       string
	Labels     []string
	Online     bool
	Busy       bool // it has accepted a job and not ended it
	Foreign    bool // not made by generate-jitconfig
	JobID      int64
	CreatedAt  time.Time
}

// Registrations returns the runners that are registered, oldest first.
func (g *GitHub) Registrations() []Registration { return nil }

// AddForeignRunner registers a runner of others that stays: online, with those labels,
// and eager for any job that fits them.
func (g *GitHub) AddForeignRunner(repository string, labels []string) {}

// Events are what a session learns. Each is called as the world and may be nil.
type Events struct {
	Job       func(jobID int64) // offered: Accept it within a minute
	Cancelled func(jobID int64) // end it, and Finish
	Deleted   func()            // the registration is gone, and so is the session
}

// Session is the connection of one runner.
type Session struct{}

// Connect opens the one session that a JIT config is good for. It fails with
// ErrConflict, ErrGone or, for a while, ErrUnreachable.
func (g *GitHub) Connect(encodedJITConfig string, on Events) (*Session, error) { return nil, ErrGone }

// Accept takes the job that was offered last. It reports whether the job was still
// there: if not, a runner for one job ends.
func (s *Session) Accept() bool { return false }

// Finish ends the job with a conclusion and the session with it. GitHub deletes the
// registration.
func (s *Session) Finish(conclusion string) {}

// Close is the end of a listener without a word: a job that it had fails when GitHub
// has lost patience.
func (s *Session) Close() {}
