package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
)

// Errors of the engine and of its Store. Test with errors.Is.
var (
	// ErrExecutionAlreadyExists: an execution of that name has ended, or runs with
	// another input. For a caller that only wants it to exist it is success.
	ErrExecutionAlreadyExists = errors.New("execution already exists")
	ErrExecutionDoesNotExist  = execution.ErrDoesNotExist
	ErrInvalidName            = errors.New("invalid execution name")
	ErrInvalidInput           = errors.New("invalid execution input")
	ErrInvalidOutput          = errors.New("invalid task output")

	// ErrTaskTimedOut: the task is over, by success, failure, time-out, retry or the
	// end of its execution. For a duplicate signal it is no error.
	ErrTaskTimedOut     = errors.New("task timed out or is closed")
	ErrTaskDoesNotExist = errors.New("task does not exist")
	ErrInvalidToken     = errors.New("invalid task token")

	// ErrConflict: another writer has changed the record. A Store returns it.
	ErrConflict = errors.New("execution was changed by somebody else")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("engine is closed")
)

// What anyone may see of an execution is package execution's. Those who read it need
// no engine.
type (
	Status    = execution.Status
	Pending   = execution.Pending
	Execution = execution.Execution
	Event     = execution.Event
)

const (
	Running   = execution.Running
	Succeeded = execution.Succeeded
	Failed    = execution.Failed
	TimedOut  = execution.TimedOut
	Aborted   = execution.Aborted

	PendingFunction = execution.PendingFunction
	PendingToken    = execution.PendingToken
	PendingRetry    = execution.PendingRetry
	PendingWait     = execution.PendingWait
)

// Record is what a Store keeps of an execution: what anyone may see, and what the
// engine needs to continue it. As JSON it is one flat object. Treat it as opaque,
// and as secret while it has a Token.
type Record struct {
	Execution
	Revision         int64           `json:"revision"`
	LastEventID      int64           `json:"last_event_id"`
	Data             json.RawMessage `json:"data,omitempty"`    // the current state's input
	Retries          []int           `json:"retries,omitempty"` // attempts used of each retrier
	Token            string          `json:"token,omitempty"`
	TimeoutAt        time.Time       `json:"timeout_at,omitzero"`
	HeartbeatAt      time.Time       `json:"heartbeat_at,omitzero"`
	HeartbeatSeconds int64           `json:"heartbeat_seconds,omitempty"`
}

// Store keeps records and their events. The engine never writes into what it gives
// to a Store or gets from it, so the two may share memory. It calls the Store from
// many goroutines at once, though it makes the writes of one execution one by one. A
// Store must not call the engine.
//
// A write happens as a whole or, if there is an error, not at all. The engine
// tries a failed write again, except after ErrConflict: then it lets go of the
// execution.
type Store interface {
	// Create adds a record, of revision 1, with its first events. It fails with
	// ErrExecutionAlreadyExists if there is one of that name.
	Create(ctx context.Context, r Record, events []Event) error
	// Save replaces a record and adds events to those it has. It fails with
	// ErrConflict unless the stored revision is r.Revision - 1.
	Save(ctx context.Context, r Record, events []Event) error
	// Load fails with ErrExecutionDoesNotExist if there is no such record.
	Load(ctx context.Context, name string) (Record, error)
	// List returns the records with a status, or with any if status is "", the
	// latest started first: at most limit of them, or all if limit is 0.
	List(ctx context.Context, status Status, limit int) ([]Record, error)
	// History returns an execution's events in their order. It fails with
	// ErrExecutionDoesNotExist if there is no such record.
	History(ctx context.Context, name string) ([]Event, error)
}
