// Package kernel runs a simulated world: virtual time, processes that take turns,
// and faults, all drawn from one seed.
//
// One thing happens at a time. A process is ordinary code that runs until it calls
// into the world; there it waits for its turn, and there it may die. So code that
// never heard of the simulation is interleaved and killed at each of its calls, and
// the same seed gives the same history on every machine.
package kernel

import (
	"container/heap"
	"fmt"
	"time"
)

// Epoch is when every history begins.
var Epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// Kernel is one history. It is for one goroutine.
type Kernel struct {
	now     time.Time
	until   time.Duration // how far the step that is under way may go, from the epoch
	seed    uint64
	queue   timers
	order   uint64
	current *Process
	alive   map[*Process]bool
	idle    []*coroutine // whose processes have ended

	plan   []Fault
	struck []int
	draws  map[string]uint64
	counts map[string]int

	// Trace gets a line for everything that happens; nil drops it.
	Trace func(at time.Time, line string)
	// Turns counts the turns that processes and timers had.
	Turns int
}

// New returns a history that has not begun. The plan says which faults occur.
func New(seed uint64, plan []Fault) *Kernel {
	return &Kernel{
		now: Epoch, seed: seed, alive: map[*Process]bool{},
		plan: plan, struck: make([]int, len(plan)), draws: map[string]uint64{}, counts: map[string]int{},
	}
}

// Now is the true time. Clock is what a process believes.
func (k *Kernel) Now() time.Time { return k.now }

// Clock is the time by the clock of the process whose turn it is. Clocks may be
// apart.
func (k *Kernel) Clock() time.Time {
	if k.current != nil {
		return k.now.Add(k.current.Skew)
	}
	return k.now
}

// Since is how long the history has gone on.
func (k *Kernel) Since() time.Duration { return k.now.Sub(Epoch) }

// Log adds a line to the trace.
func (k *Kernel) Log(format string, args ...any) {
	if k.Trace != nil {
		k.Trace(k.now, fmt.Sprintf(format, args...))
	}
}

// Timer is one thing that is to happen.
type Timer struct {
	since time.Duration // from the epoch until then
	order uint64
	do    func()
	index int
	k     *Kernel
}

// Stop keeps it from happening. It reports whether it was in time.
func (t *Timer) Stop() bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.k.queue, t.index)
	return true
}

// At lets do happen at a time, or now if that has passed. It runs as the world, in no
// process: its calls take no time.
func (k *Kernel) At(at time.Time, do func()) *Timer {
	return k.set(&Timer{}, at, do)
}

// set is At with a timer that is not in the queue.
func (k *Kernel) set(t *Timer, at time.Time, do func()) *Timer {
	if at.Before(k.now) {
		at = k.now
	}
	k.order++
	*t = Timer{since: at.Sub(Epoch), order: k.order, do: do, k: k}
	heap.Push(&k.queue, t)
	return t
}

// After lets do happen d from now.
func (k *Kernel) After(d time.Duration, do func()) *Timer { return k.At(k.now.Add(d), do) }

// Step lets the next thing happen, and with it what a process does as long as no other thing
// is due. It reports whether there was one before until.
func (k *Kernel) Step(until time.Time) bool {
	k.until = until.Sub(Epoch)
	if len(k.queue) == 0 || k.queue[0].since > k.until {
		k.now = until
		return false
	}
	t := heap.Pop(&k.queue).(*Timer)
	if at := Epoch.Add(t.since); at.After(k.now) {
		k.now = at
	}
	k.Turns++
	t.do()
	return true
}

// Close ends every process that is left.
func (k *Kernel) Close() {
	for _, t := range k.queue {
		t.index = -1 // those that end may still stop it
	}
	k.queue = nil
	for p := range k.alive {
		if p.on != nil {
			p.on.stop()
		}
	}
	for _, c := range k.idle {
		c.stop()
	}
}

type timers []*Timer

func (q timers) Len() int { return len(q) }

func (q timers) Less(i, j int) bool {
	if q[i].since != q[j].since {
		return q[i].since < q[j].since
	}
	return q[i].order < q[j].order
}

func (q timers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *timers) Push(x any) {
	t := x.(*Timer)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *timers) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	t.index = -1
	return t
}
