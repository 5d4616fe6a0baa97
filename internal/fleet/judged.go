package fleet

import "time"

// JobHook is what the job-started hook of a runner does with enforce_policy, "" without it.
type JobHook string

const (
	// HookAsks is a hook that asks the fleet whether policy admits the runner's job, before
	// any step of it.
	HookAsks JobHook = "asks"
	// HookMissing is said of an image whose entrypoint knows no hook: whatever job the runner
	// gets, it runs.
	HookMissing JobHook = "missing"
)

// Judged is what policy said of the job that a runner has, when its hook asked.
type Judged struct {
	JobID   int64   `json:"job_id"`
	Verdict Verdict `json:"verdict"` // Admitted or Refused
	Rule    string  `json:"rule,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	NotOurs bool    `json:"not_ours,omitempty"` // refused because its labels are not the fleet's
}

// JudgedAs is what policy said of a job, nil if the hook has not asked about it.
func (r Runner) JudgedAs(jobID int64) *Judged {
	if r.Judged == nil || r.Judged.JobID != jobID {
		return nil
	}
	return r.Judged
}

const (
	// HookWait is how long a hook waits for the fleet's answer. Then the job goes on.
	HookWait = 2 * time.Minute

	// refusedFor is how long a refused job may take to end after it began: its hook has had
	// its answer, and the runner its time to stop.
	refusedFor = 5 * time.Minute
)

// GoesOn reports whether the job of a refused run goes on although its runner's hook should
// have ended it.
func (r Run) GoesOn(now time.Time) bool {
	return r.Status == RunRefused && r.RanOn != "" && r.Conclusion == "" && now.Sub(r.At(StageJobStarted)) > refusedFor
}

// JobAsks are the questions of a hook for which GitHub was asked, so that a job which knows
// what its hook knows cannot use up GitHub's requests.
type JobAsks struct {
	Count int       `json:"count,omitempty"`
	Next  time.Time `json:"next,omitzero"` // GitHub must not be asked before
}

// mostJobAsks is how often GitHub is asked which job a runner has: for a bit longer than the
// hook waits.
const mostJobAsks = 12

// AskForJob counts a question. If GitHub must not be asked now, ok is false and the hook
// waits.
func (r Runner) AskForJob(now time.Time) (_ Runner, ok bool, wait time.Duration) {
	if !r.MayAskForJob() {
		return r, false, longestJobPause
	}
	if wait = r.JobAsks.Next.Sub(now); wait > 0 {
		return r, false, wait
	}
	wait = min(time.Second<<r.JobAsks.Count, longestJobPause)
	r.JobAsks = JobAsks{Count: r.JobAsks.Count + 1, Next: now.UTC().Add(wait)}
	return r, true, wait
}

// MayAskForJob reports whether GitHub may still be asked which job a runner has.
func (r Runner) MayAskForJob() bool { return r.JobAsks.Count < mostJobAsks }

const longestJobPause = 15 * time.Second

// UnenforcedCursor keeps the last runner on which policy was not enforced, as Unenforced in
// JSON.
const UnenforcedCursor = "unenforced"

// Unenforced is a runner whose hook was to ask, and whose image knows no hook.
type Unenforced struct {
	RunnerID string    `json:"runner_id"`
	Image    string    `json:"image,omitempty"`
	At       time.Time `json:"at"`
}
