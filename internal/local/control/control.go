// Package control operates a fleet on one machine from outside its process: a Client asks
// over the control socket, and Serve is the other end.
//
// The records of a fleet that does not run can still be changed: the Client then locks
// the data directory and changes them itself.
package control

import (
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// ErrNotRunning says that no fleet process serves the data directory.
var ErrNotRunning = errors.New("no fleet is running on this data directory; start it with `ecsrunner local`")

// maxAnswer is larger than any request or answer.
const maxAnswer = 1 << 20

// answered is the answer to a request. A drain is answered line by line, and a
// termination without this envelope.
type answered[T any] struct {
	Result T `json:"result"`
	failure
}

type failure struct {
	Error string `json:"error,omitempty"`
}

// reasonParam is the parameter of every change with the operator's reason.
const reasonParam = "reason"

// pauseRequest has the reason of a pause, as the release before sends it.
type pauseRequest struct {
	Reason string `json:"reason"`
}

// Examination is how the fleet's set-up is to be looked at.
type Examination struct {
	Version    string   `json:"version"`               // of the program that asks
	WebhookURL string   `json:"webhook_url,omitempty"` // where GitHub delivers to, if the fleet does not know
	Skip       []string `json:"skip,omitempty"`        // names of checks
}

// terminated is the answer to a termination.
type terminated struct {
	operate.TerminateResult
	failure
}

// drainLine is a line of the answer to a drain. The last one has the result or an
// error.
type drainLine struct {
	Progress string               `json:"progress,omitempty"`
	Result   *operate.DrainResult `json:"result,omitempty"`
	failure
}
