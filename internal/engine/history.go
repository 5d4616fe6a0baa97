package engine

import (
	"encoding/json"
	"time"
)

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

// historyLimit is the number of events at which Step Functions fails an execution.
const historyLimit = 25000

const (
	executionStarted   = "ExecutionStarted"
	executionSucceeded = "ExecutionSucceeded"
	executionFailed    = "ExecutionFailed"
	executionTimedOut  = "ExecutionTimedOut"
	executionAborted   = "ExecutionAborted"
)

// taskEvents are the types that one way of calling a function leaves behind.
type taskEvents struct {
	scheduled, started, submitted, succeeded, failed, timedOut string
}

var (
	functionEvents = taskEvents{
		scheduled: "LambdaFunctionScheduled",
		started:   "LambdaFunctionStarted",
		succeeded: "LambdaFunctionSucceeded",
		failed:    "LambdaFunctionFailed",
		timedOut:  "LambdaFunctionTimedOut",
	}
	tokenEvents = taskEvents{
		scheduled: "TaskScheduled",
		started:   "TaskStarted",
		submitted: "TaskSubmitted",
		succeeded: "TaskSucceeded",
		failed:    "TaskFailed",
		timedOut:  "TaskTimedOut",
	}
)

func (st *state) events() taskEvents {
	if st.token {
		return tokenEvents
	}
	return functionEvents
}
