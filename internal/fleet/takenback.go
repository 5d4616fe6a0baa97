package fleet

import (
	"maps"
	"slices"
	"time"
)

// A job that ran is queued on GitHub again only if GitHub says so twice: at least
// queuedAgainApart from each other, since its lists lag, and at most queuedAgainWithin.
const (
	queuedAgainApart  = 5 * time.Minute
	queuedAgainWithin = 30 * time.Minute
)

// TakenBack reports whether GitHub has taken a job back if it says now that the job
// is queued. If not, NoteQueuedAgain says what to keep of it.
func (r Run) TakenBack(now time.Time) bool {
	age := now.Sub(r.QueuedAgainAt)
	return r.Status == RunRunning && age >= queuedAgainApart && age <= queuedAgainWithin
}

// NoteQueuedAgain notes that GitHub says of a job that runs, as far as is known, that
// it is queued. changed is false while the note before still counts.
func (r Run) NoteQueuedAgain(now time.Time) (_ Run, changed bool) {
	if r.Status != RunRunning || now.Sub(r.QueuedAgainAt) <= queuedAgainWithin {
		return r, false
	}
	r.QueuedAgainAt = now.UTC()
	return r, true
}

// TakeBack makes the run wanted again after GitHub has taken its job back. What was
// recorded of the runner that had it moves to RanBefore. It is the one way from
// RUNNING to QUEUED.
func (r Run) TakeBack(now time.Time) Run {
	reason := "GitHub took the job back and queued it again"
	if r.RanOn != "" {
		reason = "GitHub took the job back from " + r.RanOn + " and queued it again"
		r.RanBefore = append(slices.Clone(r.RanBefore), r.RanOn)
		r.RanOn, r.RunnerID = "", "" // they are the same
	}
	r.Status, r.Reason, r.Rule = RunQueued, reason, ""
	r.QueuedAgainAt = time.Time{}
	r.Times = maps.Clone(r.Times)
	delete(r.Times, StageJobStarted)
	r.Times = r.Times.replace(StageQueued, now)
	return r
}
