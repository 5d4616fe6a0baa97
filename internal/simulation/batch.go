package simulation

import (
	"sync"
	"sync/atomic"
	"time"
)

// Batch is what many histories came to.
type Batch struct {
	Histories, Jobs, Ran, Tasks, Builds, Requests, Turns int
	Virtual                                              time.Duration
	Faults, Repairs, Red, Known                          map[string]int
	Reaps                                                Reaps
	// New has the violations that are not known, by seed.
	New map[uint64][]Violation
}

// Plan is which histories to play: those that Draw gives for the seeds from First on, until
// there are N or Enough says so, or the time is over.
type Plan struct {
	Draw    func(seed uint64) Scenario
	First   uint64
	N       int
	Workers int
	Until   time.Time           // no end if it is zero
	Enough  func(b *Batch) bool // nil is never
}

// Histories plays the plan. It calls progress after each history, from one goroutine at a
// time.
func Histories(p Plan, progress func(b *Batch)) *Batch {
	b := &Batch{Faults: map[string]int{}, Repairs: map[string]int{}, Red: map[string]int{}, Known: map[string]int{}, New: map[uint64][]Violation{}}
	var next atomic.Uint64
	var enough atomic.Bool
	var mu sync.Mutex
	var all sync.WaitGroup
	for range p.Workers {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(p.N) || enough.Load() || !p.Until.IsZero() && time.Now().After(p.Until) {
					return
				}
				r := Run(p.Draw(p.First+i), p.First+i, Watch{})
				mu.Lock()
				b.add(p.First+i, r)
				enough.Store(p.Enough != nil && p.Enough(b))
				if progress != nil {
					progress(b)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return b
}

func (b *Batch) add(seed uint64, r Result) {
	b.Histories++
	b.Jobs += r.Jobs
	b.Ran += r.Ran
	b.Tasks += r.Tasks
	b.Builds += r.Builds
	b.Requests += r.Requests
	b.Turns += r.Turns
	b.Virtual += r.Lasted
	b.Reaps.Decisions += r.Reaps.Decisions
	b.Reaps.Unknown += r.Reaps.Unknown
	b.Reaps.Refused += r.Reaps.Refused
	addAll(b.Faults, r.Faults)
	addAll(b.Repairs, r.Repairs)
	addAll(b.Red, r.Red)
	for _, v := range r.Violations {
		if name := Known(v); name != "" {
			b.Known[name]++
		} else {
			b.New[seed] = append(b.New[seed], v)
		}
	}
}

func addAll(to, from map[string]int) {
	for name, n := range from {
		to[name] += n
	}
}
