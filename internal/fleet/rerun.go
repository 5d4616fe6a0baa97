package fleet

import (
	"fmt"
	"time"
)

// RerunList is the WaitList of runs whose job Spot interrupted, until their workflow runs
// have ended.
const RerunList = "reruns"

// rerunFor is how long the end of a workflow run is waited for.
const rerunFor = 7 * 24 * time.Hour

// rerunPauses are those between looks at a workflow run that has not ended.
var rerunPauses = minutes(1, 2, 5, 10, 30)

// Rerun is what becomes of a run whose job Fargate Spot interrupted: once its workflow run
// has ended, and if all jobs that failed in it were interrupted as well, the fleet has
// GitHub run these again, once.
type Rerun struct {
	// NextTry is when its workflow run is looked at; zero once all is settled.
	NextTry time.Time `json:"next_try_at,omitzero"`
	Looks   int       `json:"looks,omitempty"` // so far
	// Ongoing reports that its workflow run went on at the last look.
	Ongoing bool `json:"ongoing,omitempty"`
	// At is when the fleet had the failed jobs run again, zero if it did not.
	At  time.Time `json:"at,omitzero"`
	Why string    `json:"why,omitempty"` // why they are not run again, or not yet
}

func (r *Rerun) pending() bool { return r != nil && !r.NextTry.IsZero() }

// Due reports whether the workflow run is to be looked at now.
func (r *Rerun) Due(now time.Time) bool { return r.pending() && !r.NextTry.After(now) }

// Over reports whether the run waits for the end of its workflow run, which is known to
// have come.
func (r *Rerun) Over(ended bool) bool { return ended && r.pending() && r.Ongoing }

// String says what becomes of the job, "" if Spot did not interrupt it.
func (r *Rerun) String() string {
	switch {
	case r == nil:
		return ""
	case !r.At.IsZero():
		return "Fargate Spot took its runner back, so the fleet had GitHub run the failed jobs again, on demand"
	case r.NextTry.IsZero():
		return "Fargate Spot took its runner back; the fleet does not have it run again: " + r.Why
	case r.Why == "":
		return "Fargate Spot took its runner back; it may run again once its workflow run has ended"
	}
	return "Fargate Spot took its runner back; it may run again, but not yet: " + r.Why
}

// EndedWell reports whether GitHub does not run a job with this conclusion again when the
// failed jobs of its workflow run are.
func EndedWell(conclusion string) bool {
	return conclusion == "success" || conclusion == "skipped" || conclusion == "neutral"
}

// Interrupted reports whether Spot took the runner of a job back while the job ran. Only
// ECS's stop code says so: a job whose machine was taken ends on GitHub like one that
// failed, or that a person cancelled (runs-on/runs-on#249). A job that had ended before was
// not interrupted.
func (r Runner) Interrupted(job Job) bool {
	early := job.CompletedAt != nil && job.CompletedAt.Before(r.StoppingAt.Truncate(time.Second)) // GitHub gives whole seconds
	return r.Took == job.JobID && r.Stopped() && r.StopCode == StopSpotInterruption && !early
}

// interrupted notes that Spot has taken back the runner of a run.
func (r Run) interrupted(runner Runner, now time.Time) Run {
	job := r.Job
	job.CompletedAt = nil // what is not known yet decides later
	if r.Rerun != nil || r.RanOn != runner.RunnerID || !runner.Interrupted(job) || EndedWell(r.Conclusion) || job.WorkflowRunID == 0 {
		return r
	}
	r.Rerun = &Rerun{NextTry: now.UTC()}
	return r
}

// Reran settles whether the job is run again, or when that is looked at again. What was
// settled before stays. A job that ended well has nothing to be settled.
func (r Run) Reran(settled Rerun) (_ Run, changed bool) {
	if !r.Rerun.pending() {
		return r, false
	}
	if r.Rerun = &settled; EndedWell(r.Conclusion) {
		r.Rerun = nil
	}
	return r, true
}

// RerunLater is the rerun of a run whose workflow run is looked at again after a pause, for
// a week. wait is the shortest that GitHub asks for.
func (r Run) RerunLater(why string, wait time.Duration, now time.Time) Rerun {
	if now.Sub(r.At(StageClosed)) > rerunFor {
		return Rerun{Why: why + "; given up after a week"}
	}
	looks := 1
	if r.Rerun != nil {
		looks = r.Rerun.Looks + 1
	}
	pause := max(rerunPauses[min(looks, len(rerunPauses))-1], wait)
	return Rerun{NextTry: now.UTC().Add(pause), Looks: looks, Why: why}
}

// Attempt is the attempt of its workflow run that the job is of.
func (r Run) Attempt() int { return max(r.Job.RunAttempt, 1) }

// EndedJob is a job of a workflow run that has ended, and what the fleet knows of it.
type EndedJob struct {
	Job    Job
	Run    *Run    // nil if it is not the fleet's
	Runner *Runner // that had it; nil if it is none of the fleet's
}

// RerunVerdict is whether the failed jobs of a workflow run are to be run again.
type RerunVerdict struct {
	Interrupted []string // the runs of jobs that Spot interrupted
	Wait        string   // why this is not known yet
	No          string   // why they are not
}

// JudgeRerun decides from the jobs of a workflow run that did not end well, which GitHub
// would all run again: Spot must have interrupted every one of them.
func JudgeRerun(jobs []EndedJob) (v RerunVerdict) {
	for _, j := range jobs {
		switch {
		case EndedWell(j.Job.Conclusion):
		case j.Job.Status != JobCompleted:
			v.Wait = fmt.Sprintf("GitHub says that its workflow run has ended, and that job %d has not", j.Job.JobID)
		case j.Run != nil && j.Runner != nil && j.Runner.Interrupted(j.Job):
			v.Interrupted = append(v.Interrupted, j.Run.RunID)
		case j.Run != nil && (!j.Run.Status.Terminal() || j.Runner != nil && j.Runner.Phase != Closed):
			v.Wait = fmt.Sprintf("the fleet does not know yet how %s, a failed job of its workflow run, ended", j.Run.RunID)
		case v.No == "":
			v.No = fmt.Sprintf("job %s of its workflow run ended as %s too, and not by Spot", QuoteShort(j.Job.Name), j.Job.Conclusion)
		}
	}
	if v.No == "" && v.Wait == "" && len(v.Interrupted) == 0 {
		v.No = "none of its workflow run's jobs that failed was interrupted"
	}
	return v
}
