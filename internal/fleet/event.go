package fleet

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
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

// Detail types of the events that the fleet acts on or sends. Those of ECS,
// CodeBuild and Step Functions are AWS's own.
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
	CLISource     = "ecsrunner.cli"
)

// WorkflowJob is the detail of a workflow_job event: slim, because Step
// Functions' state data ends at 256 KiB and a webhook may have 1 MiB.
type WorkflowJob struct {
	Action     string    `json:"action"`
	Delivery   string    `json:"delivery"`
	ReceivedAt time.Time `json:"received_at"`
	Job        Job       `json:"job"`
	Wants      Wants     `json:"wants,omitzero"`
	// NotOurs says that the job is somebody else's: it has ended, and GitHub may have
	// held one of ours back until then.
	NotOurs bool `json:"not_ours,omitempty"`
}

// Resumed is the detail of a FleetResumedEvent.
type Resumed struct {
	RunID string `json:"run_id,omitempty"` // the run that is to be tried now, "" for all that wait for room
}

// Statuses of a task, in ECS's words. STOPPED is final.
const (
	TaskPending = "PENDING"
	TaskRunning = "RUNNING"
	TaskStopped = "STOPPED"
)

// Stop codes, in ECS's words.
const (
	StopEssentialContainerExited = "EssentialContainerExited"
	StopTaskFailedToStart        = "TaskFailedToStart"
	StopUserInitiated            = "UserInitiated"
	StopSpotInterruption         = "SpotInterruption"
)

// Task is the state of one task, with the field names of an ECS task state
// change event. Duplicates carry the same version; each change increments it.
type Task struct {
	ARN           string       `json:"taskArn"`
	ClusterARN    string       `json:"clusterArn,omitempty"`
	StartedBy     string       `json:"startedBy"` // the runner id
	LastStatus    string       `json:"lastStatus"`
	DesiredStatus string       `json:"desiredStatus,omitempty"`
	StopCode      string       `json:"stopCode,omitempty"`
	StoppedReason string       `json:"stoppedReason,omitempty"`
	Containers    []Container  `json:"containers,omitempty"`
	Attachments   []Attachment `json:"attachments,omitempty"`
	CreatedAt     *time.Time   `json:"createdAt,omitempty"`
	StartedAt     *time.Time   `json:"startedAt,omitempty"`
	StoppedAt     *time.Time   `json:"stoppedAt,omitempty"`
	Version       int64        `json:"version"`
}

// Attachment is what a platform attached to a task: its network interface.
type Attachment struct {
	Details []Detail `json:"details,omitempty"`
}

// Detail is one fact about an attachment, such as its subnetId.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var subnetID = regexp.MustCompile(`\bsubnet-[0-9a-f]+\b`)

// Subnet is that of the task's network interface, "" if the platform names none. Where
// none could be made, the reason of the stop may name it.
func (t Task) Subnet() string {
	for _, a := range t.Attachments {
		for _, d := range a.Details {
			if d.Name == "subnetId" {
				return d.Value
			}
		}
	}
	return subnetID.FindString(t.StoppedReason)
}

// RunnerContainer is the name of the container that GitHub's runner is in, in each
// task definition and in what a platform says of a task.
const RunnerContainer = "runner"

// Container is one container of a task. ExitCode is nil until it has exited.
type Container struct {
	Name     string `json:"name"`
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"` // as in "OutOfMemoryError: Container killed due to memory usage"
}

// ExitCode is the runner container's exit code, nil while there is none.
func (t Task) ExitCode() *int {
	for _, c := range t.Containers {
		if t.isRunner(c) {
			return c.ExitCode
		}
	}
	return nil
}

// ContainerReason is the platform's own reasons for the end of the containers, the
// runner's first. Those of others begin with the container's name, so that "container
// aws-guardduty-agent-x: CannotPullContainerError: …" is not taken for the runner's.
func (t Task) ContainerReason() string {
	var reasons []string
	for _, c := range t.Containers {
		switch {
		case c.Reason == "" || c.Reason == t.StoppedReason:
		case t.isRunner(c):
			reasons = slices.Insert(reasons, 0, c.Reason)
		default:
			reasons = append(reasons, "container "+c.Name+": "+c.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// isRunner reports whether a container of the task is the runner's. AWS adds others,
// in any order: GuardDuty Runtime Monitoring one to each Fargate task
// (https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html).
// The only container of a task is the runner's whatever its name.
func (t Task) isRunner(c Container) bool { return c.Name == RunnerContainer || len(t.Containers) == 1 }

// Build is the state of one image build.
type Build struct {
	BuildID string `json:"build_id"`
	Tag     string `json:"tag"`
	Owner   string `json:"owner,omitempty"` // of the lock that it was started under; the previous release's have none
	Status  string `json:"status"`          // IN_PROGRESS, SUCCEEDED, FAILED, STOPPED: CodeBuild's words
	Digest  string `json:"digest,omitempty"`
	Reason  string `json:"reason,omitempty"`
	MayPass bool   `json:"may_pass,omitempty"` // of a failure: see BuildFailure

	Revision      int    `json:"revision,omitempty"`       // of the image
	RunnerVersion string `json:"runner_version,omitempty"` // of the runner in it
	Identity      bool   `json:"identity,omitempty"`       // its entrypoint can show which task it is in
}

const (
	BuildInProgress = "IN_PROGRESS"
	BuildSucceeded  = "SUCCEEDED"
	BuildFailed     = "FAILED"
	BuildStopped    = "STOPPED" // by somebody: it says nothing about the image
)

// ExecutionEnded is the detail of an event about an execution that ended
// without RecordStatus or RecordFailure having closed its runner.
type ExecutionEnded struct {
	Name   string `json:"name"`
	Status string `json:"status"` // FAILED, TIMED_OUT, ABORTED
	Error  string `json:"error,omitempty"`
	Cause  string `json:"cause,omitempty"`
}
