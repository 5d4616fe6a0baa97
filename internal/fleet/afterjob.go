package fleet

import "time"

// AfterJob is the last look at a runner whose job has ended and whose task goes on.
type AfterJob struct {
	At time.Time `json:"at"`
	// Over says that GitHub had the job as completed on this runner, and let the
	// runner be deleted.
	Over bool `json:"over,omitempty"`
}

// OutlivesJob reports whether it is time to look whether GitHub has ended the
// runner's job: the task goes on, and the last look was long enough ago.
func (r Runner) OutlivesJob(apart time.Duration, now time.Time) bool {
	running := r.Phase != Closed && r.TaskARN != "" && !r.Stopped()
	return running && r.Took != 0 && now.Sub(r.AfterJob.At) >= apart
}

// LookAfterJob decides what follows from a look that was due. The task is stopped
// if the look before found the job over as well. The runner that is to be stopped
// keeps the time of that look, so that whoever repeats a stop that was cut short
// finds it due.
func (r Runner) LookAfterJob(over bool, reason string, now time.Time) (_ Runner, stop bool) {
	if over && r.AfterJob.Over {
		r.Reason = reason
		return r, true
	}
	r.AfterJob = AfterJob{At: now.UTC(), Over: over}
	return r, false
}
