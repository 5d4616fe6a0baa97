package github

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The names that ErrorName returns.
const (
	Unauthorized = fleet.GitHubUnauthorized // the credential is missing or wrong
	Untrusted    = fleet.GitHubUntrusted    // its certificate is not trusted, so nothing was sent
	NoAccess     = fleet.GitHubNoAccess     // the credential lacks a permission
	NotFound     = fleet.GitHubNotFound     // no such thing, or the credential may not see it
	Conflict     = fleet.GitHubConflict     // the name is taken
	RunnerBusy   = fleet.GitHubRunnerBusy   // the runner has a job, so it was not deleted
	Invalid      = fleet.GitHubInvalid      // GitHub understood the request and will never accept it
	RateLimited  = fleet.GitHubRateLimited  // not done; ask again after Error.RetryAfter
	Unavailable  = fleet.GitHubUnavailable  // no usable answer; whether it was done is not known
)

var errNoToken = errors.New("the token is empty; store it again")

// Error is a request that GitHub did not answer with success. It never holds
// the credential.
type Error struct {
	Method string
	Path   string // without the query

	StatusCode int    // 0 if there was no answer
	Message    string // GitHub's own words, "" if there were none
	RequestID  string // what GitHub's support asks for

	// RetryAfter is how long GitHub asks to wait. It is set for every
	// GitHub.RateLimited, and for other errors that came with it.
	RetryAfter time.Duration

	cause error
	date  time.Time // GitHub's, of its answer
}

// ErrorName returns one of this package's names. It depends on exported fields
// and the cause only, so that a hand-made Error behaves like one from GitHub.
func (e *Error) ErrorName() string {
	switch code := e.StatusCode; {
	case errors.Is(e.cause, errNoToken):
		return Unauthorized
	case code == 0 && untrusted(e.cause):
		return Untrusted
	case code == http.StatusTooManyRequests, code == http.StatusForbidden && e.RetryAfter > 0:
		return RateLimited
	case code < 300, code >= 500, code == http.StatusRequestTimeout:
		return Unavailable
	case code == http.StatusUnauthorized:
		return Unauthorized
	case code == http.StatusForbidden:
		return NoAccess
	case code == http.StatusNotFound:
		return NotFound
	case code == http.StatusConflict:
		return Conflict
	case code == http.StatusUnprocessableEntity && e.Method == http.MethodDelete &&
		strings.Contains(e.Message, "still running a job"):
		return RunnerBusy
	}
	return Invalid
}

// untrusted reports whether the other side has no certificate that the fleet trusts.
// Asking again is of no use until an operator has changed that.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// Error says which request got which answer.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Method, e.Path)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": GitHub answered %d", e.StatusCode)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " %q", e.Message)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %s", e.RetryAfter)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

// Unwrap returns what prevented an answer, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }
