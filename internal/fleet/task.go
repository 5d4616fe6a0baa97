package fleet

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// TaskLaunch is the order for the platform to run a task. For one ClientToken it is
// always the same, byte for byte: ECS refuses a token that comes with other parameters.
type TaskLaunch struct {
	RunnerID         string            `json:"runner_id"` // ECS's startedBy
	ClientToken      string            `json:"client_token"`
	TaskDefinition   string            `json:"task_definition"`
	CPU              int               `json:"cpu"`
	Memory           int               `json:"memory"`
	EphemeralStorage int               `json:"ephemeral_storage,omitempty"`
	CapacityProvider CapacityProvider  `json:"capacity_provider"`
	LeftOut          []string          `json:"left_out,omitempty"` // subnets, unless there are no others
	Env              map[string]string `json:"env"`
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
	PullStartedAt *time.Time   `json:"pullStartedAt,omitempty"` // of all its images
	PullStoppedAt *time.Time   `json:"pullStoppedAt,omitempty"`
	StartedAt     *time.Time   `json:"startedAt,omitempty"`
	StoppingAt    *time.Time   `json:"stoppingAt,omitempty"` // when its end began
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

// Subnet is the subnet of the task's network interface, "" if the platform names none.
// If no interface could be made, the reason of the stop may name the subnet.
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

// RunnerContainer is the name of the container that has GitHub's runner, in each task
// definition and in a platform's events about a task.
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
// runner's first. The reasons of other containers begin with their names, so that
// "container aws-guardduty-agent-x: CannotPullContainerError: …" does not count as the
// runner's.
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

// isRunner reports whether a container of the task is the runner's. AWS adds others, in
// any order: GuardDuty Runtime Monitoring adds one to each Fargate task
// (https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html).
// The only container of a task is the runner's, whatever its name.
func (t Task) isRunner(c Container) bool { return c.Name == RunnerContainer || len(t.Containers) == 1 }

// listedAfter is how long after RunTask a platform may not list a task yet: ECS is
// eventually consistent.
const listedAfter = 2 * time.Minute

// Vanished is the end of a runner's task that its platform does not list: once the
// platform must know the task, it has stopped. ok is false until then, and for a runner
// that has no task or whose task is known to have stopped.
func (r Runner) Vanished(now time.Time) (_ Task, ok bool) {
	if r.TaskARN == "" || r.Stopped() || now.Sub(r.At(StageTaskStarted)) < listedAfter {
		return Task{}, false
	}
	return r.TaskGone("the platform does not know the task any more"), true
}

// TaskGone is the last state of the runner's task, which its platform no longer knows.
func (r Runner) TaskGone(reason string) Task {
	return Task{ARN: r.TaskARN, StartedBy: r.RunnerID, LastStatus: TaskStopped, Version: r.TaskVersion + 1, StoppedReason: reason}
}
