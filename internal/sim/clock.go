package sim

import "time"

// Clock is the simulator's only source of time. It is used from several
// goroutines.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once d has passed, and never before it returns.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one call to come.
type Timer interface {
	// Stop prevents the call. It returns false if that was too late.
	Stop() bool
}

// WallClock is the time of day.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (WallClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// after calls f with s.mu held, unless the server was closed meanwhile.
func (s *Server) after(d time.Duration, f func()) Timer {
	return s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		select {
		case <-s.done:
		default:
			f()
		}
	})
}

func stop(t Timer) {
	if t != nil {
		t.Stop()
	}
}
