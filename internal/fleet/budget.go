package fleet

import "time"

// Budget is how many requests GitHub still answers to one credential. The zero value
// stands for a credential without a limit, or for one that has not asked yet.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
type Budget struct {
	Credential string    `json:"credential"`                // its name, never the token
	Name       string    `json:"credential_name,omitempty"` // as people know it
	Resource   string    `json:"resource"`                  // what GitHub limits, such as "core"
	Limit      int       `json:"limit"`                     // requests an hour
	Remaining  int       `json:"remaining"`                 // until Reset
	Reset      time.Time `json:"reset"`                     // when Remaining becomes Limit again
	// Until is when requests may go on after a limit of the minute, as GitHub demands.
	Until time.Time `json:"until,omitzero"`
	// Expires is when the token expires; zero if it does not, or if GitHub does not say
	// so.
	Expires time.Time `json:"token_expires_at,omitzero"`
}

// expiresSoon is how long before its end a token is reported in more than one place.
const expiresSoon = 7 * 24 * time.Hour

// ExpiresSoon reports whether the token expires within a week, or has expired.
func (b Budget) ExpiresSoon(now time.Time) bool {
	return !b.Expires.IsZero() && b.Expires.Sub(now) <= expiresSoon
}

// Known reports whether GitHub has reported a limit.
func (b Budget) Known() bool { return b.Limit > 0 }

// Left is how many requests are left at a time.
func (b Budget) Left(now time.Time) int {
	switch {
	case now.Before(b.Until):
		return 0
	case !now.Before(b.Reset):
		return b.Limit
	}
	return b.Remaining
}

// Merge combines two answers to one credential, in any order: a later reset began a new
// hour, and within an hour requests only get fewer.
func (b Budget) Merge(o Budget) Budget {
	if o.Reset.After(b.Reset) {
		b, o = o, b
	}
	if o.Reset.Equal(b.Reset) {
		b.Remaining = min(b.Remaining, o.Remaining)
	}
	if o.Until.After(b.Until) {
		b.Until = o.Until
	}
	if b.Expires.IsZero() {
		b.Expires = o.Expires
	}
	if b.Name == "" {
		b.Name = o.Name
	}
	return b
}

// WorthSharing reports whether other processes, which know was, should get b: it has
// another limit or hour, has fallen by 1 % of the limit, is used up, has met a limit, or
// expires at another time.
func (b Budget) WorthSharing(was Budget) bool {
	return b.Limit != was.Limit || b.Reset.After(was.Reset) || b.Until.After(was.Until) ||
		was.Remaining-b.Remaining >= max(b.Limit/100, 1) || b.Remaining == 0 && was.Remaining > 0 ||
		!b.Expires.Equal(was.Expires)
}

// The most that the runners of a fleet may still ask of GitHub, each.
const (
	requestsOfLaunch     = 3 // one to check that the job is still queued, and two for a claim whose answer was unclear
	requestsUnregistered = 3 // a claim, one of its repetitions, and its registration deleted
	requestsRegistered   = 2 // its registration deleted, and a request for its job
)

// Reserve is how much of the budget is kept for claims and for the ends of open runners,
// with one more launch. It leaves a fifth of the limit to everything else, however many
// runners are open.
func (b Budget) Reserve(unregistered, registered int) int {
	need := requestsOfLaunch + requestsUnregistered*unregistered + requestsRegistered*registered
	return min(need, b.Limit*4/5)
}

// Allowance is how much the sweep may spend within a minute on looking around: what is
// left above half of the limit and above the reserve, in equal parts until the reset.
// limited is false if there is no limit.
func (b Budget) Allowance(now time.Time, reserve int) (requests int, limited bool) {
	if !b.Known() {
		return 0, false
	}
	spare := max(b.Left(now)-max(b.Limit/2, reserve), 0)
	minutes := int(min(max(b.Reset.Sub(now), 0), time.Hour)/time.Minute) + 1
	if !now.Before(b.Reset) {
		minutes = 60
	}
	return (spare + minutes - 1) / minutes, true
}

// mostShare is the part of the limit, in percent, that a fleet of a whole organization uses
// if its jobs need less: what they leave of it is spent on looking at quiet repositories.
const mostShare = 18

// LeavesMost reports whether less than mostShare of the limit has been used so far, in
// proportion to the part of the hour that is over.
func (b Budget) LeavesMost(now time.Time) bool { return b.usedLess(mostShare, now) }

// LeavesHalf is LeavesMost for half of the limit: the pace of looks that can wait. The sweep
// looks around within the same half and without that pace, so it goes first.
func (b Budget) LeavesHalf(now time.Time) bool { return b.usedLess(50, now) }

func (b Budget) usedLess(percent int, now time.Time) bool {
	used := b.Limit - b.Left(now)
	over := time.Hour - min(max(b.Reset.Sub(now), 0), time.Hour)
	if !now.Before(b.Reset) {
		over = 0
	}
	return used*100*60 < b.Limit*percent*(int(over/time.Minute)+1)
}
