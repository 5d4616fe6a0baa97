package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// RunStatus is the state of a run.
type RunStatus string

const (
	RunQueued        RunStatus = "QUEUED"   // no runner yet; the reason says why
	RunRetrying      RunStatus = "RETRYING" // how a QUEUED run with a setback is shown: no record has it
	RunWaiting       RunStatus = "WAITING"  // GitHub waits for an environment's approval
	RunImageCreating RunStatus = "IMAGE_CREATING"
	RunStarting      RunStatus = "STARTING"
	RunWaitingForJob RunStatus = "WAITING_FOR_JOB"
	RunRunning       RunStatus = "RUNNING"
	RunCompleted     RunStatus = "COMPLETED" // with GitHub's conclusion, whatever it is
	RunCancelled     RunStatus = "CANCELLED"
	RunFailed        RunStatus = "FAILED"  // given up by an earlier release: opened again if GitHub has the job queued
	RunGone          RunStatus = "GONE"    // GitHub has not known the job for a long time
	RunRefused       RunStatus = "REFUSED" // refused by policy
)

// RunStatuses are all statuses that people see, in the order in which runs come to them.
func RunStatuses() []RunStatus {
	return []RunStatus{
		RunQueued, RunRetrying, RunWaiting, RunImageCreating, RunStarting, RunWaitingForJob, RunRunning,
		RunCompleted, RunCancelled, RunFailed, RunGone, RunRefused,
	}
}

// Terminal reports whether a run with this status has ended.
func (s RunStatus) Terminal() bool {
	switch s {
	case RunCompleted, RunCancelled, RunFailed, RunGone, RunRefused:
		return true
	}
	return false
}

var active = []RunStatus{RunQueued, RunWaiting, RunImageCreating, RunStarting, RunWaitingForJob, RunRunning}
var ended = []RunStatus{RunCompleted, RunCancelled, RunGone, RunRefused}

// runMoves are the legal next statuses. An open run may move to any other status with
// one exception: a running one cannot be queued again, unless GitHub takes its job back
// (TakeBack). It may still be REFUSED, if its runner's hook asks. A run that the fleet ended
// is amended if GitHub queues, runs or ends its job after all, except a REFUSED one, which
// is not queued.
var runMoves = map[RunStatus][]RunStatus{
	RunQueued:        slices.Concat(active, ended),
	RunWaiting:       slices.Concat(active, ended),
	RunImageCreating: slices.Concat(active, ended),
	RunStarting:      slices.Concat(active, ended),
	RunWaitingForJob: slices.Concat(active, ended),
	RunRunning:       {RunRunning, RunCompleted, RunCancelled, RunGone, RunRefused},
	RunFailed:        {RunQueued, RunRunning, RunCompleted, RunCancelled},
	RunGone:          {RunQueued, RunRunning, RunCompleted, RunCancelled},
	RunRefused:       {RunRunning, RunCompleted, RunCancelled},
}

// CanMove reports whether a run may go from one status to another.
func (s RunStatus) CanMove(to RunStatus) bool { return slices.Contains(runMoves[s], to) }

// Stage names a moment of a run or runner. A record keeps the first time of each.
type Stage string

const (
	StageQueued       Stage = "queued_at"       // GitHub queued the job
	StageReceived     Stage = "received_at"     // the webhook accepted the event
	StageLaunched     Stage = "launched_at"     // the first runner was launched
	StageAdmitted     Stage = "admitted_at"     // Validate admitted it
	StageImageReady   Stage = "image_ready_at"  // the image's digest is known
	StageTaskStarted  Stage = "task_started_at" // the platform accepted the task
	StageContainerUp  Stage = "container_up_at" // the container runs
	StageClaimed      Stage = "claimed_at"      // the container asked for its credential
	StageRegistered   Stage = "registered_at"   // GitHub knows the runner
	StageJobStarted   Stage = "job_started_at"  // GitHub gave it a job
	StageJobCompleted Stage = "job_completed_at"
	StageClosing      Stage = "closing_at" // we began to end the runner
	StageTaskStopped  Stage = "task_stopped_at"
	StageClosed       Stage = "closed_at"
)

// Times are the moments of a record.
type Times map[Stage]time.Time

// set keeps the first time and never changes the map in place: records are values, and
// the one that was read must stay as it was.
func (t Times) set(s Stage, at time.Time) Times {
	if _, known := t[s]; known || at.IsZero() {
		return t
	}
	return t.replace(s, at)
}

func (t Times) replace(s Stage, at time.Time) Times {
	out := maps.Clone(t)
	if out == nil {
		out = Times{}
	}
	out[s] = at.UTC()
	return out
}

// MaxDisplaced is how often a run whose runner took another job is launched again at
// once. After that the sweep does it, at its own pace.
const MaxDisplaced = 3

// mostFruitless allows going back to the release before, which launches no run that has
// more.
const mostFruitless = 4

// Run is the fleet's record of one job. It ends in exactly one terminal status.
type Run struct {
	Schema     int       `json:"schema"`
	RunID      string    `json:"run_id"`
	Job        Job       `json:"job"`
	Status     RunStatus `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	Rule       string    `json:"rule,omitempty"`   // of the decision behind the reason
	Notice     *Notice   `json:"notice,omitempty"` // of its refusal
	Conclusion string    `json:"conclusion,omitempty"`
	ClassName  string    `json:"class_name,omitempty"`
	Image      string    `json:"image,omitempty"`
	ImageTag   string    `json:"image_tag,omitempty"` // of the image's spec
	Rungs      int       `json:"rungs,omitempty"`     // of the class's capacity ladder
	// FirstRung is the first of them that it is launched on.
	FirstRung int `json:"first_rung,omitempty"`

	// RunnerID is the runner that is expected to run the job. It and the runner's For
	// change only together, in one transaction.
	RunnerID string `json:"runner_id,omitempty"`
	// RanOn is the runner that took the job: a fact, written once. Only if GitHub takes
	// the job back, it moves to RanBefore.
	RanOn     string   `json:"ran_on,omitempty"`
	RanBefore []string `json:"ran_before,omitempty"`
	// Rerun is what becomes of it if Spot took its runner back, and spot_retry is on.
	Rerun *Rerun `json:"rerun,omitempty"`
	// QueuedAgainAt is when GitHub first reported the job as queued although it had run.
	QueuedAgainAt time.Time `json:"queued_again_at,omitzero"`

	// LastRunner is the newest runner launched for it, whatever became of it.
	LastRunner   string `json:"last_runner_id,omitempty"`
	Launched     int    `json:"launched"`            // runners launched so far
	Displaced    int    `json:"displaced,omitempty"` // how often another job took its runner
	Fruitless    int    `json:"fruitless"`           // of them, ended by a setback; no more than mostFruitless are counted
	WaitsForRoom bool   `json:"waits_for_room,omitempty"`
	// WaitsSince is when it first waited for room; runs of the release before have none.
	WaitsSince time.Time `json:"waits_since,omitzero"`
	// Turn is its turn among the runs that wait for room: it keeps its place.
	// WaitsForShare reports that its repository has as many runners as it may have.
	Turn          int64 `json:"turn,omitempty"`
	WaitsForShare bool  `json:"waits_for_share,omitempty"`
	// AdmittedBy is the name of the policy's rule that admits its job, "" if none is
	// needed, or while RuleKnown is false. WaitsForRule reports that the rule has as many
	// runners as it may have.
	AdmittedBy   string `json:"admitted_by,omitempty"`
	RuleKnown    bool   `json:"rule_known,omitempty"`
	WaitsForRule bool   `json:"waits_for_rule,omitempty"`
	// Setback is the last one: what the run waits for, and until when. A run that gets a
	// job has none.
	Setback    *Setback  `json:"setback,omitempty"`
	LaunchedAt time.Time `json:"launched_at,omitzero"` // the last runner
	// UnknownSince is since when GitHub does not know the job.
	UnknownSince time.Time `json:"unknown_since,omitzero"`
	// Actions are the last that operators took on it or its runners, the newest first.
	// Records of the release before have none.
	Actions []Action `json:"actions,omitempty"`
	Times   Times    `json:"times"`
	Version int64    `json:"version"`
}

// NewRun makes the record of a new job.
func NewRun(job Job, receivedAt time.Time) Run {
	r := Run{Schema: Schema, RunID: RunID(job.JobID), Job: job, Status: RunQueued, Times: Times{}}
	if job.CreatedAt != nil {
		r.Times = r.Times.set(StageQueued, *job.CreatedAt)
	}
	r.Times = r.Times.set(StageReceived, receivedAt)
	return r
}

// Wanted reports whether the run needs a runner: it is open, no runner has its job, and
// GitHub does not wait for an approval.
func (r Run) Wanted() bool {
	return !r.Status.Terminal() && r.RanOn == "" && r.Status != RunWaiting && r.Status != RunRunning
}

// At is the time of a stage, zero if it has not come.
func (r Run) At(s Stage) time.Time { return r.Times[s] }

// Mark keeps the time of a stage, only the first one.
func (r Run) Mark(s Stage, at time.Time) Run {
	r.Times = r.Times.set(s, at)
	return r
}

// Move changes the status, or leaves the run as it is if the move is not legal. The
// reason belongs to the new status, and so does the rule: there is none until the caller
// sets one.
func (r Run) Move(to RunStatus, reason string) Run {
	if !r.Status.CanMove(to) {
		return r
	}
	r.Status, r.Reason, r.Rule = to, reason, ""
	return r
}

// WorkflowRunOver begins the reason of a run whose workflow run is over on GitHub.
const WorkflowRunOver = "its workflow run is over on GitHub"

// Wait lets the run wait until GitHub has the approval that the job's environment
// demands. A run whose job already runs stays as it is: the event is late.
func (r Run) Wait() Run {
	if !r.Wanted() {
		return r
	}
	r.WaitsForRoom = false
	return r.Move(RunWaiting, "GitHub waits for the approval of the job's environment")
}

// Requeue makes a run wanted again that waited for approval, or that the fleet had given
// up: GitHub has queued its job again, though its created_at stays the same
// (runs-on/runs-on#539). A run whose job GitHub did not know is tried at once. A run whose
// job the sweep found learns who sees its repository, since a rule may depend on that.
// changed is false for every other run.
func (r Run) Requeue(job Job, at time.Time) (_ Run, changed bool) {
	switch {
	case r.Status == RunWaiting, r.Status == RunFailed, r.Status == RunGone:
		r.Job = job
		r.Setback, r.UnknownSince = nil, time.Time{}
		r.Times = r.Times.replace(StageQueued, at)
		delete(r.Times, StageClosed)
		return r.Move(RunQueued, ""), true
	case r.Retrying() && r.Setback.Kind == SetbackJob && r.Setback.NextTry.After(at):
		setback := *r.Setback
		setback.NextTry = at
		r.Setback = &setback
		return r, true
	case r.Wanted() && r.Job.Visibility == "" && job.Visibility != "": // only webhooks always tell it
		r.Job.Visibility = job.Visibility
		return r, true
	}
	return r, false
}

// QueueTime is how long GitHub had the job in its queue until a runner took it. It is never
// negative, though GitHub's times have whole seconds. known is false if no runner took it,
// or GitHub did not say when it queued it.
func (r Run) QueueTime() (_ time.Duration, known bool) {
	queued, started := r.At(StageQueued), r.At(StageJobStarted)
	if queued.IsZero() || started.IsZero() {
		return 0, false
	}
	return max(0, started.Sub(queued)), true
}

// JobTime is how long the job ran, by GitHub's whole seconds. known is false unless it ran
// and has ended.
func (r Run) JobTime() (_ time.Duration, known bool) {
	started, completed := r.At(StageJobStarted), r.At(StageJobCompleted)
	if started.IsZero() || completed.IsZero() {
		return 0, false
	}
	return max(0, completed.Sub(started)), true
}

// Shown is the status that people see.
func (r Run) Shown() RunStatus {
	if r.Retrying() {
		return RunRetrying
	}
	return r.Status
}

// QueuedSince is when GitHub queued the job last. If its event came late, the job may
// have waited for an approval since it was made, so the time of the event counts.
func (r Run) QueuedSince() time.Time {
	if heard := r.At(StageReceived); heard.After(r.At(StageQueued)) {
		return heard
	}
	return r.At(StageQueued)
}

// refuse ends a run that policy refuses. One that was refused before keeps that reason.
func (r Run) refuse(j Judged, shown RefusalStatus, now time.Time) Run {
	if r.Status == RunRefused {
		return r
	}
	r = r.Move(RunRefused, j.Reason).Mark(StageClosed, now)
	r.Rule = j.Rule
	if r.Notice == nil && !j.NotOurs {
		r.Notice = shown.notice(r, now)
	}
	return r
}

// endedRefused reports whether the job of a refused run ended as its runner's hook ends it.
// One that ended otherwise has run.
func (r Run) endedRefused(job Job) bool {
	return r.Status == RunRefused && r.RanOn != "" && (job.Conclusion == ConclusionCancelled || job.Conclusion == ConclusionFailure)
}

// Complete closes the run with GitHub's conclusion of its job. It may amend a run that
// the fleet had given up.
func (r Run) Complete(job Job, now time.Time) Run {
	to, reason := RunCompleted, ""
	if job.Conclusion == ConclusionCancelled {
		to, reason = RunCancelled, "cancelled on GitHub before a runner took it"
		if r.RanOn != "" {
			reason = fmt.Sprintf("cancelled on GitHub while %s ran it", r.RanOn)
		} else if r.Setback != nil {
			reason += "; until then: " + r.Setback.reason()
		}
	}
	if by, ok := r.stoppedBefore(orElse(job.CompletedAt, time.Time{})); ok && !EndedWell(job.Conclusion) {
		reason = fmt.Sprintf("stopped by %s while %s ran it, with %s; GitHub calls that %s", by.By, r.RanOn, by.Did(), Clip(job.Conclusion, 20))
	}
	moved := r.Move(to, reason)
	if r.endedRefused(job) {
		to, moved = RunRefused, r
	}
	if moved.Status != to || r.Status == to && r.Conclusion != "" {
		return r
	}
	moved.Conclusion = job.Conclusion
	moved.Job.Status, moved.Job.Conclusion = JobCompleted, job.Conclusion
	moved.WaitsForRoom = false
	if r.RanOn != "" && job.StartedAt != nil {
		moved = moved.Mark(StageJobStarted, *job.StartedAt)
	}
	if job.CompletedAt != nil {
		moved = moved.Mark(StageJobCompleted, *job.CompletedAt)
	}
	return moved.Mark(StageClosed, now)
}
