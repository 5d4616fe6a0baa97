package fleet

import (
	"encoding/json"
	"time"
)

// Event is one entry on the bus, in EventBridge's envelope.
type Event struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Time       time.Time       `json:"time"`
	Detail     json.RawMessage `json:"detail"`
}

// Detail types of the events that the fleet acts on or sends. Those of ECS, CodeBuild
// and Step Functions are AWS's own.
const (
	WorkflowJobEvent  = "workflow_job"
	TaskEvent         = "ECS Task State Change"
	BuildEvent        = "CodeBuild Build State Change"
	ExecutionEvent    = "Step Functions Execution Status Change"
	RunnerStatusEvent = "runner.status"
	FleetResumedEvent = "fleet.resumed" // runs that waited may be launched; its detail is a Resumed
)

// Sources of the fleet's own events.
const (
	WebhookSource = "ecsrunner.webhook"
	LocalSource   = "ecsrunner.local" // the one-machine platform, in place of aws.ecs and aws.codebuild
	StatusSource  = "ecsrunner.status"
	SweepSource   = "ecsrunner.sweep"
	ClaimSource   = "ecsrunner.claim" // what a runner's hook has made known
	CLISource     = "ecsrunner.cli"
)

// WorkflowJob is the detail of a workflow_job event. It is short, because Step
// Functions' state data ends at 256 KiB and a webhook may have 1 MiB.
type WorkflowJob struct {
	Action     string    `json:"action"`
	Delivery   string    `json:"delivery"`
	ReceivedAt time.Time `json:"received_at"`
	Job        Job       `json:"job"`
	Wants      Wants     `json:"wants,omitzero"`
	// NotOurs reports that the job is not the fleet's: it has ended, and GitHub may have
	// held back one of ours until then.
	NotOurs bool `json:"not_ours,omitempty"`
}

// Resumed is the detail of a FleetResumedEvent.
type Resumed struct {
	RunID string `json:"run_id,omitempty"` // the run that is to be tried now, "" for all that wait for room
}

// ExecutionEnded is the detail of an event about an execution that ended
// without RecordStatus or RecordFailure having closed its runner.
type ExecutionEnded struct {
	Name   string `json:"name"`
	Status string `json:"status"` // FAILED, TIMED_OUT, ABORTED
	Error  string `json:"error,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// FailedEvent is an event that dispatch could not handle, or did not get. With Receipt
// its queue forgets it.
type FailedEvent struct {
	Receipt string
	Event   Event
}
