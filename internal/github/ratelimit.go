package github

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// shortestWait is what GitHub asks for after a secondary limit that names no
// time. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
const shortestWait = 60 * time.Second

// Headers that are read from each of GitHub's answers, as net/http writes them: a name in
// another form costs an allocation each time.
const (
	requestHeader   = "X-Github-Request-Id"
	limitHeader     = "X-Ratelimit-Limit"
	remainingHeader = "X-Ratelimit-Remaining"
	resetHeader     = "X-Ratelimit-Reset"
	resourceHeader  = "X-Ratelimit-Resource"
	expiresHeader   = "Github-Authentication-Token-Expiration" // of the token
)

// budget reads the rate-limit headers. GitHub Enterprise Server sends none unless its
// limits are switched on; then ok is false.
func budget(h http.Header) (b fleet.Budget, ok bool) {
	reset, err := strconv.ParseInt(h.Get(resetHeader), 10, 64)
	if err != nil {
		return fleet.Budget{}, false
	}
	count := func(name string) int {
		n, _ := strconv.Atoi(h.Get(name))
		return n
	}
	return fleet.Budget{
		Limit:     count(limitHeader),
		Remaining: count(remainingHeader),
		Reset:     time.Unix(reset, 0).UTC(),
		Resource:  cmp.Or(h.Get(resourceHeader), core),
		Expires:   expiration(h.Get(expiresHeader)),
	}, true
}

// expiration is when a token expires, zero if it does not, or if GitHub does not say so
// (https://github.blog/changelog/2021-07-26-expiration-options-for-personal-access-tokens/).
func expiration(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// retryAfter returns how long to wait before the next request, or 0 if the
// answer asks for no wait. A 403 can be a missing permission or a limit; only a
// limit gets a wait. The wait until a reset is measured on GitHub's clock, the
// answer's Date, so ours may be wrong.
func retryAfter(status int, h http.Header, message string) time.Duration {
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if status != http.StatusForbidden && status != http.StatusTooManyRequests {
		return 0
	}
	if h.Get(remainingHeader) == "0" {
		b, ok := budget(h)
		date, err := http.ParseTime(h.Get("Date"))
		if !ok || err != nil {
			return shortestWait
		}
		return max(b.Reset.Sub(date), time.Second)
	}
	if status == http.StatusTooManyRequests || strings.Contains(strings.ToLower(message), "rate limit") {
		return shortestWait
	}
	return 0
}
