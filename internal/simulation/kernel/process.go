package kernel

import (
	"iter"
	"time"
)

// Process is code that takes turns: a function's invocation, a container's program.
type Process struct {
	Name string
	// Skew is how far its clock is from the true time.
	Skew time.Duration
	// Mortal says that faults of kind Killed and KilledAfter strike it at its calls.
	Mortal bool
	// Calls counts its calls into the world.
	Calls int

	k    *Kernel
	body func()
	on   *coroutine
	dead bool
	why  string
	wake *Timer
	// pause is the timer of its pauses, which come one after another.
	pause Timer
	// again is its next turn.
	again func()
}

// died is what unwinds a process that was killed.
type died struct{}

// coroutine is what a process runs on. It serves one after the other: a stack that has grown
// to what a function needs takes longer to make than most calls.
type coroutine struct {
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	process *Process
	stopped bool
}

func (k *Kernel) coroutine() *coroutine {
	if n := len(k.idle); n > 0 {
		c := k.idle[n-1]
		k.idle = k.idle[:n-1]
		return c
	}
	c := &coroutine{}
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		for c.yield = yield; ; {
			c.run()
			if c.stopped || !yield(struct{}{}) {
				return
			}
		}
	})
	return c
}

// run runs the process to its end.
func (c *coroutine) run() {
	defer func() {
		c.process = nil
		if cause := recover(); cause != nil {
			if _, killed := cause.(died); !killed {
				panic(cause)
			}
		}
	}()
	c.process.body()
}

// wait gives the turn back, and reports whether there is another one.
func (c *coroutine) wait() bool {
	c.stopped = !c.yield(struct{}{})
	return !c.stopped
}

// Go starts a process, which has its first turn after what happens now. ended is
// called when it is over, with why it was killed or "".
func (k *Kernel) Go(p *Process, body func(), ended func(why string)) *Process {
	p.k, p.body = k, body
	k.alive[p] = true
	p.again = func() { p.turn(ended) }
	p.wake = k.After(0, p.again)
	return p
}

func (p *Process) turn(ended func(why string)) {
	k := p.k
	if p.on == nil {
		p.on = k.coroutine()
		p.on.process = p
	}
	before := k.current
	k.current = p
	p.on.next()
	k.current = before
	if p.on.process != nil {
		p.wake.do = p.again
		return
	}
	k.idle = append(k.idle, p.on)
	p.on = nil
	delete(k.alive, p)
	p.dead = true
	if ended != nil {
		ended(p.why)
	}
}

// Kill ends the process at the call in which it is. What that call has done stays.
func (p *Process) Kill(why string) {
	if p.dead {
		return
	}
	p.dead, p.why = true, why
	p.k.Log("%s is killed: %s", p.Name, why)
	if p.k.current != p {
		p.wake.Stop()
		p.wake = p.k.After(0, p.again)
	}
}

// Dead reports whether it has ended or was killed.
func (p *Process) Dead() bool { return p.dead }

// Current is the process whose turn it is, nil if the world acts by itself.
func (k *Kernel) Current() *Process { return k.current }

// Pause lets others have their turns for a while. The world itself does not pause.
func (k *Kernel) Pause(d time.Duration) {
	p := k.current
	if p == nil {
		return
	}
	if p.dead {
		panic(died{})
	}
	if k.passAlone(d) {
		return
	}
	p.wake = k.set(&p.pause, k.now.Add(d), nil)
	if !p.on.wait() || p.dead {
		p.dead = true
		panic(died{})
	}
}

// passAlone lets d pass at once if no timer is due by its end and the step that is under way
// reaches that far. It reports whether it did.
func (k *Kernel) passAlone(d time.Duration) bool {
	then := k.now.Add(max(d, 0))
	since := then.Sub(Epoch)
	if since > k.until || len(k.queue) > 0 && k.queue[0].since <= since {
		return false
	}
	k.now = then
	k.Turns++
	return true
}

// Await begins something and lets the process whose turn it is wait until done is
// called, however long that takes. The world itself cannot wait.
func (k *Kernel) Await(begin func(done func())) {
	p := k.current
	if p == nil {
		panic("kernel: Await outside of a process")
	}
	if p.dead {
		panic(died{})
	}
	// A timer that never comes holds the place where done, or death, wakes it.
	p.wake = &Timer{index: -1, k: k}
	waiting := true
	begin(func() {
		if waiting && !p.dead {
			waiting = false
			p.wake = k.After(0, p.again)
		}
	})
	if !p.on.wait() || p.dead {
		p.dead = true
		panic(died{})
	}
}

// Die kills the process whose turn it is, here and now.
func (k *Kernel) Die(why string) {
	if p := k.current; p != nil {
		p.Kill(why)
		panic(died{})
	}
}

// The faults that strike mortal processes at their calls, by the call's name.
const (
	Killed      = "lambda.killed"       // before the call has its effect
	KilledAfter = "lambda.killed_after" // after it, before the answer
	Hangs       = "lambda.timed_out"    // the answer never comes
	Slow        = "call.slow"           // the answer takes Fault.For
)

// never is longer than anything waits.
const never = 1000 * time.Hour

// Call is one call of a process into the world: the request takes a moment, has its
// effect at once, and the answer takes a moment. Others act in between, and the
// process may die at either end. what names the service and operation.
func (k *Kernel) Call(what string, effect func() error) error {
	p := k.current
	if p == nil {
		return effect()
	}
	p.Calls++
	k.Pause(k.latency())
	if p.Mortal {
		if _, strikes := k.Strikes(Killed, what); strikes {
			k.Die("before " + what)
		}
		if _, strikes := k.Strikes(Hangs, what); strikes {
			k.Pause(never)
		}
	}
	err := effect()
	if p.Mortal {
		if _, strikes := k.Strikes(KilledAfter, what); strikes {
			k.Die("after " + what)
		}
	}
	d := k.latency()
	if fault, strikes := k.Strikes(Slow, what); strikes {
		d += fault.For.Duration
	}
	k.Pause(d)
	return err
}

// latency is one way to a service and back again: 1 to 20 ms.
func (k *Kernel) latency() time.Duration {
	return time.Millisecond + time.Duration(k.Random("latency")*float64(19*time.Millisecond))
}
