package fleet

import "time"

// AfterJob is the last look at a runner whose job has ended and whose task is still
// running.
type AfterJob struct {
	At time.Time `json:"at"`
	// Over reports whether GitHub showed the job as completed on this runner, and
	// deleted the runner.
	Over bool `json:"over,omitempty"`
}

// OutlivesJob reports whether it is time to check whether GitHub has ended the runner's
// job: the task is still running, and the last look was long enough ago.
func (r Runner) OutlivesJob(apart time.Duration, now time.Time) bool {
	running := r.Phase != Closed && r.TaskARN != "" && !r.Stopped()
	return running && r.Took != 0 && now.Sub(r.AfterJob.At) >= apart
}

// LookAfterJob decides what follows from a look that was due. If the look before found
// the job over as well, the task is stopped. The runner then keeps the time of the look
// before: if the stop is cut short, the next caller finds the look due and repeats the
// stop.
func (r Runner) LookAfterJob(over bool, reason string, now time.Time) (_ Runner, stop bool) {
	if over && r.AfterJob.Over {
		r.Reason = reason
		return r, true
	}
	r.AfterJob = AfterJob{At: now.UTC(), Over: over}
	return r, false
}
