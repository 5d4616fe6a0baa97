package sim

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// runnerRoutes serves stand-in runners; see package protocol.
func (s *Server) runnerRoutes(mux *http.ServeMux) {
	const job = "/jobs/{job}/"
	at := protocol.SessionPath("{session}")
	mux.HandleFunc("POST "+protocol.SessionsPath, s.postSession)
	mux.HandleFunc("GET "+protocol.MessagePath("{session}"), s.getMessage)
	mux.HandleFunc("DELETE "+at, s.inSession(func(ss *session, _ *http.Request) int {
		s.leave(ss, "its session was closed")
		return http.StatusNoContent
	}))
	mux.HandleFunc("POST "+at+job+"accept", s.inSession(func(ss *session, r *http.Request) int {
		if !s.accept(ss, pathID(r, "job")) {
			return http.StatusNotFound
		}
		return http.StatusNoContent
	}))
	mux.HandleFunc("POST "+at+job+"log", withJob(s, func(ss *session, in protocol.Log) int {
		s.addLog(ss.job, in.Lines)
		return http.StatusNoContent
	}))
	mux.HandleFunc("POST "+at+job+"step", withJob(s, func(ss *session, in protocol.StepResult) int {
		if in.Index < 0 || in.Index >= len(ss.job.spec.Steps) {
			return http.StatusUnprocessableEntity
		}
		s.step(ss.job, in.Index+2, in.Conclusion)
		return http.StatusNoContent
	}))
	mux.HandleFunc("POST "+at+job+"complete", withJob(s, func(ss *session, in protocol.Result) int {
		switch in.Conclusion {
		case protocol.Success, protocol.Failure, protocol.Cancelled:
			s.finish(ss.job, in.Conclusion)
			return http.StatusNoContent
		}
		return http.StatusUnprocessableEntity
	}))
	mux.HandleFunc(protocol.Prefix+"/", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound)
	})
}

// say answers a runner with a status and, as a text, its meaning.
func say(w http.ResponseWriter, status int) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	http.Error(w, "simulated GitHub: "+map[int]string{
		http.StatusUnauthorized:        "this is not the registration's secret",
		http.StatusNotFound:            "no such registration, session or job",
		http.StatusConflict:            "the JIT config has been used",
		http.StatusGone:                "the registration has been deleted",
		http.StatusUnprocessableEntity: "this makes no sense",
		http.StatusServiceUnavailable:  "the simulation is over",
	}[status], status)
}

// knows reports whether the request carries the runner's secret.
func (r *runner) knows(req *http.Request) bool {
	given, ok := bearer(req)
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(r.secret)) == 1
}

func (s *Server) postSession(w http.ResponseWriter, r *http.Request) {
	var in protocol.OpenSession
	if json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in) != nil {
		say(w, http.StatusUnprocessableEntity)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch reg := s.runner(in.RunnerID); {
	case reg == nil:
		say(w, http.StatusNotFound)
	case !reg.knows(r):
		say(w, http.StatusUnauthorized)
	case reg.used:
		say(w, http.StatusConflict)
	default:
		ss := s.open(reg, in.OS, in.Version)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(protocol.Session{ID: ss.id})
	}
}

// session returns the session that a request is part of, or a refusal.
func (s *Server) session(r *http.Request) (*session, int) {
	ss := s.sessions[r.PathValue("session")]
	switch {
	case ss == nil:
		return nil, http.StatusNotFound
	case !ss.runner.knows(r):
		return nil, http.StatusUnauthorized
	case ss.over:
		return nil, http.StatusGone
	}
	s.heard(ss)
	return ss, 0
}

// inSession calls f, with s.mu held, for a request of an open session. f
// returns the status to answer with.
func (s *Server) inSession(f func(*session, *http.Request) int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		ss, status := s.session(r)
		if ss != nil {
			status = f(ss, r)
		}
		say(w, status)
	}
}

// withJob is inSession for a runner's reports about the job that it runs.
func withJob[T any](s *Server, f func(*session, T) int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T // read before the lock is taken: the network may be slow
		if json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in) != nil {
			say(w, http.StatusUnprocessableEntity)
			return
		}
		s.inSession(func(ss *session, r *http.Request) int {
			if ss.job == nil || !ss.accepted || ss.job.ID != pathID(r, "job") {
				return http.StatusNotFound
			}
			return f(ss, in)
		})(w, r)
	}
}

// getMessage answers when there is a message, at the latest after
// Config.PollFor. While it waits, the runner counts as idle and alive.
func (s *Server) getMessage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ss, status := s.session(r)
	if ss == nil {
		s.mu.Unlock()
		say(w, status)
		return
	}
	message := s.message(ss)
	if message == nil {
		waiting := s.park(ss)
		s.mu.Unlock()
		s.await(r, waiting)
		s.mu.Lock()
		message, status = s.unparked(ss, waiting, r)
	}
	s.mu.Unlock()
	if message == nil {
		say(w, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(message)
}

// await takes no lock. It returns when the session was woken, the time is up, or the
// runner or the server is gone.
func (s *Server) await(r *http.Request, waiting <-chan struct{}) {
	up := make(chan struct{})
	defer s.clock.AfterFunc(s.cfg.PollFor, func() { close(up) }).Stop()
	select {
	case <-waiting:
	case <-up:
	case <-r.Context().Done():
	case <-s.done:
	}
}

// unparked ends the question that waited on the channel and returns its answer.
func (s *Server) unparked(ss *session, waiting <-chan struct{}, r *http.Request) (*protocol.Message, int) {
	if ss.over {
		return nil, http.StatusGone
	}
	if ss.waiting != nil {
		if ss.waiting != waiting {
			return nil, http.StatusNoContent // a newer question replaced this one
		}
		s.unpark(ss)
	}
	s.heard(ss)
	select {
	case <-s.done:
		return nil, http.StatusServiceUnavailable
	default:
	}
	if r.Context().Err() != nil { // the runner would not get the message
		if j := ss.job; j != nil && !ss.accepted {
			s.withdraw(j)
			s.enqueue(j)
		}
		return nil, http.StatusNoContent
	}
	if m := s.message(ss); m != nil {
		return m, 0
	}
	return nil, http.StatusNoContent
}
