package stats

import (
	"cmp"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// MostBuckets bounds a series: one that would have more has longer buckets.
const MostBuckets = 500

// Bucket is a part of a series.
type Bucket struct {
	From    time.Time    `json:"from"`
	Queued  int          `json:"queued"`  // jobs that the fleet heard of
	Started int          `json:"started"` // jobs that runners took
	Ended   int          `json:"ended"`   // runs
	Failed  int          `json:"failed"`  // runners
	Queue   *Percentiles `json:"queue"`   // of the jobs that were started; null if there are none
	Runners int          `json:"open_runners"`
	Waiting int          `json:"waiting_runs"` // for a runner to take them
}

// bucket is a Bucket that is being filled.
type bucket struct {
	Bucket
	runners, waiting count
	queue            []int64
}

// count is how many there are when a bucket begins, and how that changes within it.
type count struct {
	atBegin int
	edges   []edge
}

// edge is a change of a count within a bucket.
type edge struct {
	at time.Time
	by int
}

// Series puts a history into buckets of equal length, for charts. Runners and Waiting are
// the most at once in each bucket.
type Series struct {
	from, now time.Time
	step      time.Duration
	buckets   []bucket
}

// NewSeries makes buckets of a length from a time until now, the last one is the present
// one.
func NewSeries(from, now time.Time, step time.Duration) *Series {
	step = max(step, time.Second)
	from = from.Truncate(step)
	for now.Sub(from)/step >= MostBuckets {
		step *= 2
		from = from.Truncate(step)
	}
	s := &Series{from: from, now: now, step: step}
	for at := from; !at.After(now); at = at.Add(step) {
		s.buckets = append(s.buckets, bucket{Bucket: Bucket{From: at.UTC()}})
	}
	return s
}

// Step is the length of a bucket.
func (s *Series) Step() time.Duration { return s.step }

// Add puts a run, and the runners that belong to it, into their buckets. What happened
// before the series began is left out.
func (s *Series) Add(l report.Lived) {
	run := l.Run
	received, started := run.At(fleet.StageReceived), run.At(fleet.StageJobStarted)
	s.in(received, func(b *bucket) { b.Queued++ })
	s.in(started, func(b *bucket) {
		b.Started++
		b.queue = append(b.queue, stages.Of(run, l.Seen, s.now).BeforeJob())
	})
	until := s.now.Add(s.step)
	ended := until
	if run.Status.Terminal() {
		ended, _ = stages.Ended(run, s.now)
		s.in(ended, func(b *bucket) { b.Ended++ })
	}
	waits := ended
	if !started.IsZero() {
		waits = started
	}
	s.span(received, waits, func(b *bucket) *count { return &b.waiting })
	for _, r := range l.Runners {
		closed := r.At(fleet.StageClosed)
		if closed.IsZero() {
			closed = until
		}
		s.span(r.At(fleet.StageLaunched), closed, func(b *bucket) *count { return &b.runners })
		if r.FailureName != "" {
			s.in(closed, func(b *bucket) { b.Failed++ })
		}
	}
}

// in finds the bucket of a time, if there is one.
func (s *Series) in(at time.Time, found func(*bucket)) {
	if i := s.index(at); !at.IsZero() && i >= 0 && i < len(s.buckets) {
		found(&s.buckets[i])
	}
}

// index is the number of a time's bucket, negative before the first.
func (s *Series) index(at time.Time) int {
	if at.Before(s.from) {
		return -1
	}
	return int(at.Sub(s.from) / s.step)
}

// span counts one from a time until another.
func (s *Series) span(from, to time.Time, of func(*bucket) *count) {
	if from.IsZero() || !to.After(from) {
		return
	}
	first, last := max(0, s.index(from)), min(len(s.buckets)-1, s.index(to.Add(-1))) // what ends as a bucket begins is not in it
	for i := first; i <= last; i++ {
		c := of(&s.buckets[i])
		if begin := s.buckets[i].From; from.Before(begin) {
			c.atBegin++
		} else {
			c.edges = append(c.edges, edge{from, 1})
		}
		if i == s.index(to) {
			c.edges = append(c.edges, edge{to, -1})
		}
	}
}

// Buckets are what was put in so far.
func (s *Series) Buckets() []Bucket {
	out := make([]Bucket, 0, len(s.buckets))
	for _, b := range s.buckets {
		full := b.Bucket
		full.Runners, full.Waiting, full.Queue = b.runners.most(), b.waiting.most(), percentiles(b.queue)
		out = append(out, full)
	}
	return out
}

// most is the largest count at once. What ends at a time makes room for what begins then.
func (c count) most() int {
	sorted := slices.SortedFunc(slices.Values(c.edges), func(a, b edge) int {
		return cmp.Or(a.at.Compare(b.at), a.by-b.by)
	})
	now, largest := c.atBegin, c.atBegin
	for _, e := range sorted {
		now += e.by
		largest = max(largest, now)
	}
	return largest
}
