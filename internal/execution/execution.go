// Package execution is what people and programs may see of an execution of the state
// machine, in the words of Step Functions, whether that or the local engine runs it.
//
// It has no task token, and nothing that an engine needs to continue it.
package execution

import (
	"encoding/json"
	"errors"
	"time"
)

// ErrDoesNotExist: there is no such execution. Test with errors.Is.
var ErrDoesNotExist = errors.New("execution does not exist")

// Status of an execution.
type Status string

const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Pending is what a running execution is waiting for.
type Pending string

const (
	PendingFunction Pending = "function" // the answer of a function
	PendingToken    Pending = "token"    // a signal with the task token; the function has answered
	PendingRetry    Pending = "retry"    // the next attempt, at WakeAt
	PendingWait     Pending = "wait"     // the end of a Wait state, at WakeAt
)

// Execution is one execution as anyone may see it. It holds no task token.
type Execution struct {
	Name           string          `json:"name"`
	Status         Status          `json:"status"`
	Input          json.RawMessage `json:"input"`
	Output         json.RawMessage `json:"output,omitempty"`
	Error          string          `json:"error,omitempty"`
	Cause          string          `json:"cause,omitempty"`
	StartedAt      time.Time       `json:"started_at"`
	StoppedAt      time.Time       `json:"stopped_at,omitzero"`
	State          string          `json:"state"` // the current or last one
	StateEnteredAt time.Time       `json:"state_entered_at"`
	RetryCount     int             `json:"retry_count,omitempty"` // in this state
	Pending        Pending         `json:"pending,omitempty"`
	WakeAt         time.Time       `json:"wake_at,omitzero"`
}

// Event is one entry of an execution's history. Types and order are those of
// Step Functions' GetExecutionHistory, for a Standard workflow; the details are
// flat here. Events are numbered from 1. A task token never appears: where it
// was part of a payload, "[task token]" stands.
type Event struct {
	ID               int64           `json:"id"`
	PreviousEventID  int64           `json:"previous_event_id"`
	Timestamp        time.Time       `json:"timestamp"`
	Type             string          `json:"type"`
	State            string          `json:"state,omitempty"`
	Resource         string          `json:"resource,omitempty"`
	Input            json.RawMessage `json:"input,omitempty"`
	Output           json.RawMessage `json:"output,omitempty"`
	Error            string          `json:"error,omitempty"`
	Cause            string          `json:"cause,omitempty"`
	TimeoutSeconds   int64           `json:"timeout_seconds,omitempty"`
	HeartbeatSeconds int64           `json:"heartbeat_seconds,omitempty"`
}
