package simgithub

import (
	"fmt"
	"maps"
	"time"
)

// The limits of https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
const (
	hourlyLimit      = 5000 // requests an hour of a user or an installation
	anonymousLimit   = 60   // requests an hour without a credential
	pointsLimit      = 900  // points a minute
	pointsOfGet      = 1
	pointsOfOther    = 5
	concurrentLimit  = 100
	secondaryPause   = time.Minute // how long to stay away after a secondary limit
	secondaryMessage = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)

// registrationLimit is of a repository, in five minutes.
// https://docs.github.com/actions/reference/limits: 1500 runner registrations per 5 minutes
const (
	registrationLimit  = 1500
	registrationWindow = 5 * time.Minute
)

// Usage is what a credential has asked for.
type Usage struct {
	Limit            int            // requests an hour
	Used, Remaining  int            // of the hour that runs
	MaxUsed          int            // in any hour
	LeastLeft        int            // of any hour
	MaxPoints        int            // in any minute
	MaxRegistrations int            // in any minute
	MaxContents      int            // in any minute
	RefusedPrimary   int            // requests over the limit of an hour
	RefusedSecondary int            // requests over the other limits
	NotModified      int            // requests answered with 304, which the hour's limit does not count
	Requests         map[string]int // by operation
	Free             map[string]int // of them, those answered with 304
}

// Usage returns what each credential has asked for, by its name.
func (g *GitHub) Usage() map[string]Usage {
	all := map[string]Usage{}
	for _, c := range g.credentials {
		one := c.usage
		one.MaxUsed = c.mostUsed()
		if g.k.Now().Before(c.reset) {
			one.Used = c.used
		}
		one.Limit, one.Remaining, one.LeastLeft = c.Limit, c.Limit-one.Used, c.Limit-one.MaxUsed
		one.Requests, one.Free = maps.Clone(one.Requests), maps.Clone(one.Free)
		all[c.Name] = one
	}
	return all
}

// ReplaceToken gives a credential another token and revokes the old one. Its limits
// stay: they are the user's or the installation's.
func (g *GitHub) ReplaceToken(name, token string) {
	for _, c := range g.credentials {
		if c.Name == name {
			delete(g.byToken, c.Token)
			c.Token = token
			g.byToken[token] = c
			g.k.Log("credential %s has another token", name)
			return
		}
	}
	panic(fmt.Sprintf("simgithub: there is no credential %q", name))
}

// credential is a credential and its account with the limits.
type credential struct {
	Credential
	sees          map[int64]bool // repositories; nil is all
	used          int
	reset         time.Time
	points        window
	registrations window
	contents      []time.Time // of the last hour
	concurrent    int
	away          time.Time // until when a secondary limit lasts
	usage         Usage
}

func newCredential(c Credential, sees map[int64]bool) *credential {
	if c.Limit == 0 {
		c.Limit = hourlyLimit
	}
	return &credential{Credential: c, sees: sees, usage: Usage{Requests: map[string]int{}, Free: map[string]int{}}}
}

// mostUsed is what was used in any hour. Within one it is only known at its end: requests
// that are answered with 304 are given back.
func (c *credential) mostUsed() int { return max(c.usage.MaxUsed, c.used) }

// primary counts a request of the hour. It reports whether there was one left.
func (c *credential) primary(now time.Time) bool {
	if !now.Before(c.reset) {
		c.usage.MaxUsed = c.mostUsed()
		c.used, c.reset = 0, now.Add(time.Hour)
	}
	if c.used >= c.Limit {
		c.usage.RefusedPrimary++
		return false
	}
	c.used++
	return true
}

// refund gives a request back that was answered with 304.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
func (c *credential) refund(operation string) {
	c.used--
	c.usage.Free[operation]++
	c.usage.NotModified++
}

// secondary counts the points of a request. It returns how long to stay away, 0 if the
// request is within the limits. Nothing says that a 304 is free of points.
func (c *credential) secondary(now time.Time, get bool) time.Duration {
	if now.Before(c.away) {
		c.usage.RefusedSecondary++
		return c.away.Sub(now)
	}
	cost := pointsOfOther
	if get {
		cost = pointsOfGet
	}
	if c.points.sum(now)+cost > pointsLimit || c.concurrent > concurrentLimit {
		return c.sendAway(now)
	}
	c.usage.MaxPoints = max(c.usage.MaxPoints, c.points.add(now, cost))
	return 0
}

func (c *credential) sendAway(now time.Time) time.Duration {
	c.usage.RefusedSecondary++
	c.away = now.Add(secondaryPause)
	return secondaryPause
}

// window counts what happened in the last minute, by seconds.
type window struct {
	counts [60]int
	total  int
	newest int64
}

func (w *window) sum(now time.Time) int {
	second, size := now.Unix(), int64(len(w.counts))
	w.newest = max(w.newest, second-size)
	for w.newest < second {
		w.newest++
		i := w.newest % size
		w.total -= w.counts[i]
		w.counts[i] = 0
	}
	return w.total
}

func (w *window) add(now time.Time, n int) int {
	w.sum(now)
	w.counts[now.Unix()%int64(len(w.counts))] += n
	w.total += n
	return w.total
}
