package fleet

import (
	"cmp"
	"maps"
	"time"
)

// RunnerStatus is the state of a runner.
type RunnerStatus string

const (
	RunnerStarting      RunnerStatus = "STARTING"
	RunnerImageCreating RunnerStatus = "IMAGE_CREATING"
	RunnerWaitingForJob RunnerStatus = "WAITING_FOR_JOB"
	RunnerRunning       RunnerStatus = "RUNNING"
	RunnerOffline       RunnerStatus = "OFFLINE" // ended well
	RunnerFailed        RunnerStatus = "FAILED"  // ended by a failure of the fleet
)

// Phase is what a runner may still do, and what may still be done with it.
type Phase string

const (
	Open    Phase = "OPEN"
	Closing Phase = "CLOSING" // it is being ended: it may claim nothing any more
	Closed  Phase = "CLOSED"
)

// What an execution with a stored token waits for.
const (
	WaitForImage   = "image"
	WaitForJob     = "job"
	WaitForStopped = "stopped"
)

// Runner is one ephemeral GitHub runner: one record, one execution, at most one
// task.
type Runner struct {
	Schema   int    `json:"schema"`
	RunnerID string `json:"runner_id"`
	// RunID is the run it was launched for, which never changes. That of a warm runner is the
	// last run that expected it, or whose job it has; "" before.
	RunID  string       `json:"run_id"`
	Status RunnerStatus `json:"status"`
	Phase  Phase        `json:"phase"`
	Reason string       `json:"reason,omitempty"`

	// For is the run whose job it is expected to take. It and the run's RunnerID change
	// only together, in one transaction.
	For string `json:"for,omitempty"`
	// Took is the job that it took: a fact, written once.
	Took int64 `json:"took,omitempty"`

	Repository string `json:"repository"`
	// RegisteredIn is the place where it is registered, from its first claim on, or from its
	// launch by a pool: another deployment may register later ones elsewhere. Records of the
	// release before have none.
	RegisteredIn string   `json:"registered_in,omitempty"`
	Labels       []string `json:"labels"`
	ClassName    string   `json:"class_name,omitempty"`
	Image        string   `json:"image,omitempty"`
	// Digest is the image that its task runs in, and Size what its class was: both as it was
	// launched. Records of the release before have neither.
	Digest string `json:"digest,omitempty"`
	Size   *Class `json:"size,omitempty"`
	// ImageSize is how many bytes are pulled of that image, and Pulled how many milliseconds
	// the platform says its pull took: 0 if that is not known.
	ImageSize int64 `json:"image_size,omitempty"`
	Pulled    int64 `json:"pulled_ms,omitempty"`
	// Rule is the name of the policy's rule that it is counted for: the one that admits
	// the job that it has or is meant for. Records of the release before have none.
	Rule string `json:"rule,omitempty"`

	// Pool is the pool that launched it, "" if a run did; Spec is what that pool's runners
	// were then, RepositoryID GitHub's id of its repository, 0 if it is not known, and
	// ExpectedAt when a run last came to expect it.
	Pool         string    `json:"pool,omitempty"`
	Spec         string    `json:"pool_spec,omitempty"`
	RepositoryID int64     `json:"repository_id,omitempty"`
	ExpectedAt   time.Time `json:"expected_at,omitzero"`
	// FoundBusyAt is when a warm runner was first found with a job that no webhook had reported.
	FoundBusyAt time.Time `json:"found_busy_at,omitzero"`

	TaskToken  string `json:"task_token,omitempty"`
	WaitingFor string `json:"waiting_for,omitempty"`

	// TaskDefinition is the ARN of the definition that its task is started from.
	// Records of the release before have none.
	TaskDefinition string `json:"task_definition,omitempty"`

	// Tries are the keys of the holds of which it tries whether they are over.
	Tries []string `json:"tries,omitempty"`

	Rung int `json:"rung,omitempty"` // of the capacity ladder
	// LeftOut are subnets that had no room just before, and Subnet is the subnet that
	// had none for this runner. Records of the release before have neither.
	LeftOut       []string `json:"left_out,omitempty"`
	Subnet        string   `json:"subnet,omitempty"`
	TaskARN       string   `json:"task_arn,omitempty"`
	TaskStatus    string   `json:"task_status,omitempty"` // ECS's word
	TaskVersion   int64    `json:"task_version,omitempty"`
	StopCode      string   `json:"stop_code,omitempty"`
	StoppedReason string   `json:"stopped_reason,omitempty"`
	ExitCode      *int     `json:"exit_code,omitempty"`
	// StoppingAt is when the end of its task began, zero if that is not known.
	StoppingAt time.Time `json:"stopping_at,omitzero"`
	// ContainerReason is the platform's own reasons for the end of its containers.
	// Records of the release before have none.
	ContainerReason string `json:"container_reason,omitempty"`

	// Identity reports whether a claim must show that it comes from the runner's task.
	// It is false in records of the release before, and for images whose entrypoint
	// cannot show it.
	Identity       bool   `json:"identity,omitempty"`
	Claims         int    `json:"claims,omitempty"`       // the last claim number: its name is RunnerName's
	Deregistered   int    `json:"deregistered,omitempty"` // GitHub has no registration of the numbers up to this one
	NonceHash      string `json:"nonce_hash,omitempty"`
	RegistrationID int64  `json:"registration_id,omitempty"` // GitHub's runner id of the last number
	Repeats        int    `json:"repeats,omitempty"`         // claims after an answer that was lost
	Contested      bool   `json:"contested,omitempty"`       // two claimed it before it had a job: neither gets anything more

	Asks  int       `json:"asks,omitempty"`  // how often GitHub was asked for a registration, since it last made one
	AskAt time.Time `json:"ask_at,omitzero"` // it must not ask again before
	// AfterJob is the last look at it, if its task is still running after its job.
	AfterJob AfterJob `json:"after_job,omitzero"`

	// Hook is what its job-started hook does. Judged is what policy said of the job that it
	// has: a fact, written once. JobAsks bound what that costs.
	Hook    JobHook `json:"hook,omitempty"`
	Judged  *Judged `json:"judged,omitempty"`
	JobAsks JobAsks `json:"job_asks,omitzero"`

	// FailureName and Failure are why the runner cannot do its work. The first process
	// that finds out records them.
	FailureName string `json:"failure_name,omitempty"`
	Failure     string `json:"failure,omitempty"`

	// Unresolved reports that it was registered and ended well, may have had a job, and that
	// no webhook reported which. The sweep searches for that job.
	Unresolved bool `json:"unresolved,omitempty"`

	// Actions are the last that operators took on it, the newest first. Records of the
	// release before have none.
	Actions []Action `json:"actions,omitempty"`

	Times   Times `json:"times"`
	Version int64 `json:"version"`
}

// CanTake reports whether the runner might still take a job.
func (r Runner) CanTake() bool { return r.Phase == Open && r.Took == 0 && r.TaskStatus != TaskStopped }

// Stopped reports whether its task has ended.
func (r Runner) Stopped() bool { return r.TaskStatus == TaskStopped }

// NeededNoLonger is the reason why a runner without another reason is ended.
const NeededNoLonger = "the job needs this runner no longer"

// StoppedByPolicy is the reason of a task that is stopped because GitHub gave its runner a
// job that policy had refused, and no hook ended that job.
const StoppedByPolicy = "policy refused the job that the runner took"

// NotWanted says why the runner is no longer needed: the reason for which it is ended,
// if there is one.
func (r Runner) NotWanted() string { return cmp.Or(r.Reason, NeededNoLonger) }

// At is the time of a stage, zero if it has not come.
func (r Runner) At(s Stage) time.Time { return r.Times[s] }

// Mark keeps the time of a stage, only the first one.
func (r Runner) Mark(s Stage, at time.Time) Runner {
	r.Times = r.Times.set(s, at)
	return r
}

// StartFrom records what its task is started from, its class's size, and whether its claim must
// show that it comes from its task. A task that is there stays what it was started from.
func (r Runner) StartFrom(image Image, definition string, size *Class, now time.Time) Runner {
	if r.TaskARN != "" {
		return r
	}
	r.TaskDefinition, r.Identity = definition, image.Identity
	r.Digest, r.Size, r.ImageSize = image.Digest, size, image.Size
	return r.Mark(StageImageReady, now)
}

// Progress moves an open runner forward and otherwise changes nothing: late events must
// not take a running runner back to its start.
func (r Runner) Progress(to RunnerStatus) Runner {
	if r.Phase == Closed || runnerRank[to] < runnerRank[r.Status] {
		return r
	}
	r.Status = to
	return r
}

var runnerRank = map[RunnerStatus]int{
	RunnerStarting:      0,
	RunnerImageCreating: 0,
	RunnerWaitingForJob: 1,
	RunnerRunning:       2,
	RunnerOffline:       3,
	RunnerFailed:        3,
}

// runStatusOf is the status of an open run while its runner has a status.
var runStatusOf = map[RunnerStatus]RunStatus{
	RunnerStarting:      RunStarting,
	RunnerImageCreating: RunImageCreating,
	RunnerWaitingForJob: RunWaitingForJob,
}

// Follow shows on the run how far its expected runner has come, and what delays it.
func (r Run) Follow(runner Runner) Run {
	to, ok := runStatusOf[runner.Status]
	if !ok || !r.Wanted() || r.RunnerID != runner.RunnerID {
		return r
	}
	return r.Move(to, runner.Reason).Mark(StageAdmitted, runner.At(StageAdmitted))
}

// ApplyTask records a change of the runner's task. changed is false if the change was
// known already: duplicates carry the same version, and STOPPED is final.
func (r Runner) ApplyTask(t Task, now time.Time) (_ Runner, changed bool) {
	if r.TaskARN != "" && r.TaskARN != t.ARN {
		return r, false // another task in our name: left to the sweep
	}
	if r.TaskStatus == TaskStopped || t.Version <= r.TaskVersion && t.LastStatus != TaskStopped {
		return r, false
	}
	if r.TaskStatus == TaskPending && t.LastStatus == TaskPending {
		return r, false // RunTask has recorded it
	}
	if r.TaskARN == "" {
		r.TaskARN = t.ARN
	}
	r.TaskStatus, r.TaskVersion = t.LastStatus, t.Version
	if t.PullStartedAt != nil && t.PullStoppedAt != nil {
		r.Pulled = max(0, t.PullStoppedAt.Sub(*t.PullStartedAt).Milliseconds())
	}
	switch t.LastStatus {
	case TaskRunning:
		r = r.Mark(StageContainerUp, orElse(t.StartedAt, now))
	case TaskStopped:
		r.StopCode, r.StoppedReason, r.ExitCode = t.StopCode, t.StoppedReason, t.ExitCode()
		r.ContainerReason = t.ContainerReason()
		r.StoppingAt = orElse(t.StoppingAt, time.Time{}).UTC()
		if r.StopCode == StopTaskFailedToStart {
			r.Subnet = t.Subnet()
		}
		r = r.Mark(StageTaskStopped, orElse(t.StoppedAt, now))
	}
	return r, true
}

func orElse(at *time.Time, otherwise time.Time) time.Time {
	if at != nil {
		return *at
	}
	return otherwise
}

// BeginEnd starts to end a runner: from now on it can claim nothing. It refuses for a
// runner that has a job.
func (r Runner) BeginEnd(reason string, now time.Time) (_ Runner, ok bool) {
	if r.Took != 0 || r.Phase == Closed {
		return r, false
	}
	if r.Phase == Closing {
		return r, true
	}
	r.Phase, r.Reason = Closing, reason
	return r.Mark(StageClosing, now), true
}

// DeregisteredNumber records that GitHub has no registration of claim number k.
func (r Runner) DeregisteredNumber(k int) Runner {
	if k == r.Deregistered+1 {
		r.Deregistered = k
	}
	return r
}

// Reopen takes BeginEnd back: GitHub says that the runner is busy, so a webhook was
// lost.
func (r Runner) Reopen() Runner {
	if r.Phase == Closing {
		r.Phase, r.Reason = Open, ""
		r.Times = maps.Clone(r.Times)
		delete(r.Times, StageClosing)
		r = r.Progress(RunnerRunning)
	}
	return r
}

// Forget removes the stored token, once its stage is completed.
func (r Runner) Forget() Runner {
	r.TaskToken, r.WaitingFor = "", ""
	return r
}

// CountsFor is the run that the runner's time and cost belong to: that of the job that it
// took, or else the one that it was launched for. A warm runner without a job counts for
// its pool, and no run.
func (r Runner) CountsFor() string {
	switch {
	case r.Took != 0:
		return RunID(r.Took)
	case r.IsWarm():
		return ""
	}
	return r.RunID
}
