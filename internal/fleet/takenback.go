package fleet

import (
	"maps"
	"slices"
	"time"
)

// A job that ran counts as queued again only if GitHub says so twice: at least
// queuedAgainApart from each other, since its lists lag, and at most queuedAgainWithin.
const (
	queuedAgainApart  = 5 * time.Minute
	queuedAgainWithin = 30 * time.Minute
)

// TakenBack reports whether GitHub has taken a job back, given that GitHub now reports
// it as queued. If not, NoteQueuedAgain returns what to record.
func (r Run) TakenBack(now time.Time) bool {
	age := now.Sub(r.QueuedAgainAt)
	return r.Status == RunRunning && age >= queuedAgainApart && age <= queuedAgainWithin
}

// NoteQueuedAgain records that GitHub reports a job as queued that runs, as far as is
// known. changed is false while the earlier note still counts.
func (r Run) NoteQueuedAgain(now time.Time) (_ Run, changed bool) {
	if r.Status != RunRunning || now.Sub(r.QueuedAgainAt) <= queuedAgainWithin {
		return r, false
	}
	r.QueuedAgainAt = now.UTC()
	return r, true
}

// TakeBack makes the run wanted again after GitHub has taken its job back. The record of
// the runner that had the job moves to RanBefore. Only TakeBack goes from RUNNING to
// QUEUED.
func (r Run) TakeBack(now time.Time) Run {
	reason := "GitHub took the job back and queued it again"
	if r.RanOn != "" {
		reason = "GitHub took the job back from " + r.RanOn + " and queued it again"
		r.RanBefore = append(slices.Clone(r.RanBefore), r.RanOn)
		r.RanOn, r.RunnerID = "", "" // they are the same
	}
	r.Status, r.Reason, r.Rule = RunQueued, reason, ""
	r.QueuedAgainAt, r.Rerun = time.Time{}, nil
	r.Times = maps.Clone(r.Times)
	delete(r.Times, StageJobStarted)
	r.Times = r.Times.replace(StageQueued, now)
	return r
}
