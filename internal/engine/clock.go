package engine

import "time"

// Clock is where the engine gets its time from.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once, d from now, unless the timer is stopped before. It
	// must return before f runs: f takes locks that the caller of AfterFunc holds.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one pending call of AfterFunc.
type Timer interface {
	Stop() bool
}

// SystemClock is the machine's clock, or a testing/synctest bubble's.
type SystemClock struct{}

func (SystemClock) Now() time.Time { return time.Now() }

func (SystemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
