package engine

import (
	"fmt"
	"time"
)

// nextWake is the latest time at which the execution acts by itself. It is zero
// if the execution only waits for others.
func (e *Engine) nextWake(rec *Record) time.Time {
	var first time.Time
	for _, t := range [...]time.Time{e.endOfTime(rec), rec.TimeoutAt, rec.HeartbeatAt, rec.WakeAt} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// endOfTime is when the execution as a whole times out.
func (e *Engine) endOfTime(rec *Record) time.Time {
	if e.machine.timeout == 0 {
		return time.Time{}
	}
	return rec.StartedAt.Add(e.machine.timeout)
}

// due reports whether the time for something has come.
func (s *step) due() bool {
	next := s.e.nextWake(&s.rec)
	return !next.IsZero() && !next.After(s.now)
}

// wake does what is due. After a long sleep that is what was due first: it finds
// a missed heartbeat before a time-out that has passed since.
func (s *step) wake() error {
	if !s.due() {
		return errNotDue
	}
	st, due := s.state(), s.e.nextWake(&s.rec)
	switch due {
	case s.e.endOfTime(&s.rec):
		s.cancel = true
		cause := fmt.Sprintf("the execution has run for %s", s.e.machine.timeout)
		s.end(TimedOut, Event{Type: executionTimedOut, Error: errTimeout, Cause: cause})
	case s.rec.TimeoutAt:
		cause := fmt.Sprintf("the task of state %q was not over by %s", st.name, contextTimeOf(due))
		s.taskTimedOut(st, &failure{name: errTimeout, cause: cause})
	case s.rec.HeartbeatAt:
		cause := fmt.Sprintf("state %q has had no heartbeat for %d seconds", st.name, s.rec.HeartbeatSeconds)
		s.taskTimedOut(st, &failure{name: errTimeout, cause: cause, heartbeat: true})
	default:
		pending := s.rec.Pending
		s.settle()
		if pending == PendingRetry {
			s.walk(s.attempt(st))
			return nil
		}
		s.walk(s.leave(st, st.next, s.rec.Data))
	}
	return nil
}
