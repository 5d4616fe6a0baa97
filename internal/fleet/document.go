package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Document is the data of one execution. Each step gets all of it and returns its own
// part, which the state machine adds with ResultPath.
type Document struct {
	Schema         int                 `json:"schema"`
	RunID          string              `json:"run_id"`         // "" for a warm runner
	Pool           string              `json:"pool,omitempty"` // that launched it; Job then only says what the runner is
	Job            Job                 `json:"job"`
	Plan           *Plan               `json:"plan,omitempty"`
	Image          *Image              `json:"image,omitempty"`
	TaskDefinition *TaskDefinitionPart `json:"task_definition,omitempty"`
	Wait           *Wait               `json:"wait,omitempty"`
	Error          *CaughtError        `json:"error,omitempty"`
}

// StartsFrom is what the runner is started from, as far as it is known: what Validate found,
// unless a later state has made another. Image is nil if neither has.
func (d Document) StartsFrom() (image *Image, definition string) {
	image = d.Image
	if ready := d.ready(); ready != nil {
		image = cmp.Or(image, &ready.Image)
		definition = ready.TaskDefinition.ARN
	}
	if d.TaskDefinition != nil {
		definition = d.TaskDefinition.ARN
	}
	return image, definition
}

func (d Document) ready() *Ready {
	if d.Plan == nil {
		return nil
	}
	return d.Plan.Ready
}

// Call is what the state machine sends to every function.
type Call struct {
	RunnerID  string   `json:"runner_id"` // the execution's name
	State     string   `json:"state"`
	TaskToken string   `json:"task_token,omitempty"`
	Document  Document `json:"document"`
}

// Decisions of Validate beyond a Verdict.
const NotWanted Verdict = "not_wanted" // the job needs no runner any more

// Plan is Validate's part: what the job gets, and the limits that the state machine
// reads from it, in whole seconds.
type Plan struct {
	Decision          Verdict    `json:"decision"`
	Rule              string     `json:"rule,omitempty"`
	Reason            string     `json:"reason,omitempty"`
	NotOurs           bool       `json:"not_ours,omitempty"` // refused because the job is another's by now
	ClassName         string     `json:"class_name,omitempty"`
	Size              *Class     `json:"size,omitempty"`
	ImageSpec         *ImageSpec `json:"image_spec,omitempty"`
	StartSeconds      int        `json:"start_seconds,omitempty"`
	IdleSeconds       int        `json:"idle_seconds,omitempty"`
	BuildSeconds      int        `json:"build_seconds,omitempty"`
	BuildLeaseSeconds int        `json:"build_lease_seconds,omitempty"`
	RunnerVersion     string     `json:"runner_version,omitempty"` // of GitHub's runner, or latest
	LogMiB            int        `json:"log_mib,omitempty"`        // of the runner's output; 0 is DefaultLogMiB
	// Ready is what the runner is started from, if Validate found all of it: the states that
	// make it are then not entered.
	Ready *Ready `json:"ready,omitempty"`
}

// Ready is an image that is built and fresh, and the task definition that runs it.
type Ready struct {
	Image          Image              `json:"image"`
	TaskDefinition TaskDefinitionPart `json:"task_definition"`
}

// Outcomes of ResolveImage and BuildImage.
const (
	ImageReady   = "ready"
	ImageMissing = "missing"
)

// Image is the part of ResolveImage and BuildImage.
type Image struct {
	Outcome string `json:"outcome"`
	Tag     string `json:"tag"`
	// Digest is the image's. With ImageMissing it is the digest in a record whose image
	// was deleted, "" if there is no record.
	Digest string `json:"digest,omitempty"`
	// Identity reports whether the image's entrypoint can show which task it is in. It
	// is not known of an image that was not published by the fleet.
	Identity bool `json:"identity,omitempty"`
	// Size is how many bytes are pulled of it, 0 if that is not known.
	Size int64 `json:"size,omitempty"`
}

// TaskDefinitionPart is RegisterTaskDefinition's part.
type TaskDefinitionPart struct {
	ARN string `json:"arn"`
}

// Outcomes that a signal or InspectRunner reports.
const (
	OutcomeTook    = "took"    // the runner has a job
	OutcomeStopped = "stopped" // the task has ended, or nothing is left to do
	OutcomeBusy    = "busy"    // it works: wait for the end
	OutcomeWaiting = "waiting" // it may still get a job: wait for that
	OutcomeReaped  = "reaped"  // ended by the fleet although its job still waits
)

// Wait is the part of RunTask, AwaitCompletion (both sent with the signal)
// and InspectRunner: what happened, and how long to wait next.
type Wait struct {
	Outcome string `json:"outcome"`
	Seconds int    `json:"seconds"` // at least 1: Step Functions refuses a time-out of 0
	Error   string `json:"error,omitempty"`
	Cause   string `json:"cause,omitempty"`
}

// CaughtError is what a Catch puts at $.error.
type CaughtError struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Result is the part of RecordStatus and RecordFailure. A red execution ends with Error
// and Cause.
type Result struct {
	RunnerStatus RunnerStatus `json:"runner_status"`
	RunStatus    RunStatus    `json:"run_status,omitempty"`
	Conclusion   string       `json:"conclusion,omitempty"`
	Next         string       `json:"next_runner_id,omitempty"`
	Error        string       `json:"error,omitempty"`
	Cause        string       `json:"cause,omitempty"`
}

// contentHash is 128 bits of a hash over the parts, each with its length, so that two
// different lists of parts never look alike.
func contentHash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
