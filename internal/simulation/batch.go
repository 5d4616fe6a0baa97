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
	// New has the violations that are not known, by seed.
	New map[uint64][]Violation
}

// Histories plays the histories of so many seeds, from the first on, until all are played or
// the time is over. progress hears of each; it is called from one goroutine at a time.
func Histories(first uint64, n, workers int, until time.Time, progress func(b *Batch)) *Batch {
	b := &Batch{Faults: map[string]int{}, Repairs: map[string]int{}, Red: map[string]int{}, Known: map[string]int{}, New: map[uint64][]Violation{}}
	var next atomic.Uint64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) || !until.IsZero() && time.Now().After(until) {
					return
				}
				r := Run(History(first+i), first+i, Watch{})
				mu.Lock()
				b.add(first+i, r)
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
