// Package workload is jobs over time: what a fleet is asked for, without what became of it.
//
// A workload is recorded, read from a file of jobs that GitHub has had, or made from a seed.
// What a recorded job waited for its runner is no part of it: that is the other fleet's.
package workload

import (
	"cmp"
	"slices"
	"time"
)

// Job is one job.
type Job struct {
	Repository string   // owner/name
	Labels     []string // as its runs-on has them
	// Queued is when GitHub queued it, after the first job of the workload.
	Queued time.Duration
	// Takes is how long its steps run; 0 if no runner ever had it.
	Takes time.Duration
	// Cancelled is how long it waited until it was cancelled, if no runner ever had it.
	Cancelled time.Duration
	// Run names its workflow run; "" is one of its own.
	Run string
}

// Workload is jobs in the order in which they were queued.
type Workload struct {
	Name string
	// Made says that a seed made it: no one has had these jobs.
	Made bool
	// Start is when the first job was queued; zero if it was made.
	Start time.Time
	Jobs  []Job
	// Unfinished are jobs of the file that had not ended when it was written. They are
	// left out: how long they take is not known.
	Unfinished int
}

// Lasts is the time from the first job to the last.
func (w Workload) Lasts() time.Duration {
	if len(w.Jobs) == 0 {
		return 0
	}
	return w.Jobs[len(w.Jobs)-1].Queued
}

// Repositories are those of the jobs, in order.
func (w Workload) Repositories() (names []string) {
	seen := map[string]bool{}
	for _, j := range w.Jobs {
		if !seen[j.Repository] {
			seen[j.Repository] = true
			names = append(names, j.Repository)
		}
	}
	slices.Sort(names)
	return names
}

// inOrder sorts jobs by when they were queued. Those of one time stay as they were.
func inOrder(jobs []Job) []Job {
	slices.SortStableFunc(jobs, func(a, b Job) int { return cmp.Compare(a.Queued, b.Queued) })
	return jobs
}
