package engine

import (
	"math"
	"slices"
	"strings"
	"time"
)

// retrier is one element of a state's Retry. Each counts its attempts by itself.
type retrier struct {
	errors      []string
	interval    float64 // seconds
	maxAttempts int64
	backoff     float64
	maxDelay    float64 // seconds; 0: none
	fullJitter  bool
}

// catcher is one element of a state's Catch.
type catcher struct {
	errors []string
	next   string
	place  *path
}

// longestDelay is the bound of MaxDelaySeconds, and of every delay without one.
const longestDelay = 31622400

func parseRetrier(o *object, last bool) retrier {
	r := retrier{errors: parseErrorNames(o, last), interval: 1, maxAttempts: 3, backoff: 2}
	if n, ok := o.whole("IntervalSeconds", 1, maxSeconds); ok {
		r.interval = float64(n)
	}
	if n, ok := o.whole("MaxAttempts", 0, maxSeconds); ok {
		r.maxAttempts = n
	}
	if f, ok := o.number("BackoffRate"); ok {
		r.backoff = f
		if f < 1 {
			o.bad("BackoffRate", "is less than 1")
		}
	}
	if n, ok := o.whole("MaxDelaySeconds", 1, longestDelay-1); ok {
		r.maxDelay = float64(n)
	}
	if s, ok := o.text("JitterStrategy"); ok {
		r.fullJitter = s == "FULL"
		if s != "FULL" && s != "NONE" {
			o.bad("JitterStrategy", "%q is not implemented", s)
		}
	}
	o.refuseRest()
	return r
}

func parseCatcher(o *object, last bool) catcher {
	o.text("Comment")
	c := catcher{errors: parseErrorNames(o, last), next: o.needText("Next"), place: o.place()}
	o.refuseRest()
	return c
}

func parseErrorNames(o *object, last bool) []string {
	names := o.texts("ErrorEquals")
	for _, name := range names {
		switch {
		case name == "":
			o.bad("ErrorEquals", "has an empty name")
		case name == errAll && (len(names) > 1 || !last):
			o.bad("ErrorEquals", "has %s, which must stand alone and last", errAll)
		case strings.HasPrefix(name, "States.") && !slices.Contains(reservedErrors, name):
			o.bad("ErrorEquals", "has %q; no error of that name exists", name)
		}
	}
	return names
}

// delay is how long to wait before attempt n, counted from 0, is repeated.
// jitter is a random number in [0,1).
func (r *retrier) delay(n int, jitter func() float64) time.Duration {
	limit := float64(longestDelay)
	if r.maxDelay > 0 {
		limit = r.maxDelay
	}
	seconds := min(r.interval*math.Pow(r.backoff, float64(n)), limit)
	if r.fullJitter {
		seconds *= jitter()
	}
	return time.Duration(seconds * float64(time.Second))
}
