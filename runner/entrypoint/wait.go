package entrypoint

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second

	// maxRetryAfter bounds a wait that the fleet asks for. With its jitter it is
	// shorter than the state machine's idle limit (300 s), which each claim restarts.
	maxRetryAfter = 2 * time.Minute
)

// waitBefore is how long to wait after the given attempt, counted from 0: the time that
// the answer asked for and up to a quarter more, so that containers with the same
// answer do not ask at the same time; else exponential backoff with full jitter.
func (c Claiming) waitBefore(attempt int, retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		wait := min(retryAfter, maxRetryAfter)
		return wait + time.Duration(c.fraction()*float64(wait)/4)
	}
	most := maxBackoff
	if attempt < 5 {
		most = min(most, firstBackoff<<attempt)
	}
	return time.Duration(c.fraction() * float64(most))
}

// sleepWith makes a Sleep of something like time.After.
func sleepWith(after func(time.Duration) <-chan time.Time) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		select {
		case <-after(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fraction is a random number in [0, 1), or 1 if there is no randomness.
func (c Claiming) fraction() float64 {
	var random [8]byte
	if _, err := io.ReadFull(c.Rand, random[:]); err != nil {
		return 1
	}
	return float64(binary.BigEndian.Uint64(random[:])>>11) / (1 << 53)
}

// retryAfter reads a Retry-After of either form, seconds or a date (RFC 9110, section
// 10.2.3). It is 0 if there is none, and at least a second if there is one. A date is
// measured on the clock of the server that answered, if its Date header has it.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Second)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(until.Sub(now), time.Second)
}
