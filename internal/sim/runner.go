package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Runner is a registration as GitHub shows it.
type Runner struct {
	ID           int64
	Name         string
	Labels       []string
	Online       bool
	Busy         bool  // a job was given to it, whether it accepted yet or not
	JobID        int64 // that job
	RegisteredAt time.Time
}

type runner struct {
	ID         int64
	Name       string
	labels     []label
	groupID    int64
	registered time.Time

	level level // of its registration

	workFolder string
	secret     string
	used       bool // its config opened a session once

	os, version string // what the runner reports about itself
	session     *session
	expiry      Timer
}

type label struct {
	id   int64
	name string
}

func (r *runner) busy() bool { return r.session != nil && r.session.job != nil }

// has reports whether the runner has all of the labels, ignoring case.
func (r *runner) has(labels []string) bool {
	for _, want := range labels {
		if !slices.ContainsFunc(r.labels, func(l label) bool { return strings.EqualFold(l.name, want) }) {
			return false
		}
	}
	return true
}

// Runners returns the registrations in the order they were made.
func (s *Server) Runners() []Runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Runner, len(s.runners))
	for i, r := range s.runners {
		all[i] = Runner{ID: r.ID, Name: r.Name, Online: r.session != nil, Busy: r.busy(), RegisteredAt: r.registered}
		for _, l := range r.labels {
			all[i].Labels = append(all[i].Labels, l.name)
		}
		if r.busy() {
			all[i].JobID = r.session.job.ID
		}
	}
	return all
}

// register adds a runner, offline. The caller has checked the name and labels.
func (s *Server) register(name string, labels []string, workFolder string) *runner {
	r := &runner{
		ID: s.newID(), Name: name, groupID: defaultGroup, registered: s.now(),
		workFolder: workFolder, secret: s.secret(), os: "unknown",
	}
	for _, name := range labels {
		r.labels = append(r.labels, label{id: s.newID(), name: strings.ToLower(name)})
	}
	s.runners = append(s.runners, r)
	s.wentOffline(r)
	s.notify()
	return r
}

func (s *Server) runner(id int64) *runner {
	for _, r := range s.runners {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// wentOffline makes the registration expire unless a session opens.
func (s *Server) wentOffline(r *runner) {
	r.expiry = s.after(offlineLimit, func() { s.remove(r) })
}

// remove deletes a registration. Its session, if there is one, learns that at its next
// request.
func (s *Server) remove(r *runner) {
	stop(r.expiry)
	if i := slices.Index(s.runners, r); i >= 0 {
		s.runners = slices.Delete(s.runners, i, i+1)
	}
	if r.session != nil {
		s.end(r.session)
	}
	s.notify()
}

// deleteRunner is the REST API's deletion. It refuses while the runner has a job, given
// or accepted: that makes DELETE a safe test for busy.
func (s *Server) deleteRunner(r *runner) error {
	if r.busy() {
		//lint:ignore ST1005 these are GitHub's words
		return fmt.Errorf("Bad request - Runner %q is still running a job", r.Name)
	}
	s.remove(r)
	return nil
}
