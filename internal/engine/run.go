package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// run is an open execution in memory.
type run struct {
	name  string
	mu    sync.Mutex // held while a step is decided and stored, never during a call
	rec   Record
	timer Timer
	call  *invocation // whose answer the open attempt waits for, if it was this engine's
	gone  bool        // ended, or not ours
}

// invocation is one call of a function.
type invocation struct {
	function string
	payload  json.RawMessage
	ctx      context.Context
	cancel   context.CancelFunc
}

var (
	errOver   = errors.New("execution is over")
	errStale  = errors.New("answer of an attempt that is over")
	errNotDue = errors.New("nothing is due yet")
)

// storePause is how long the engine waits before it repeats a failed write that
// has no caller to return the error to.
const storePause = time.Second

// claim returns the run of that name, or a new one, which is ours and locked.
func (e *Engine) claim(name string) (r *run, ours bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[name]; r != nil {
		return r, false
	}
	r = &run{name: name}
	r.mu.Lock()
	e.runs[name] = r
	return r, true
}

// forget lets go of a run, whose lock the caller holds.
func (e *Engine) forget(r *run) {
	r.gone = true
	r.disarm()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs[r.name] == r {
		delete(e.runs, r.name)
	}
}

// find returns the open run of that name. It fails with errOver if the execution
// has ended, and with ErrExecutionDoesNotExist.
func (e *Engine) find(ctx context.Context, name string) (*run, error) {
	e.mu.Lock()
	r := e.runs[name]
	e.mu.Unlock()
	if r != nil {
		return r, nil
	}
	rec, err := e.cfg.Store.Load(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case rec.Status == Running:
		return nil, errors.New("it is open in the store, but this engine has not resumed it")
	}
	return nil, errOver
}

// change makes one step of a run, and calls OnEnd if it was the last.
func (e *Engine) change(ctx context.Context, r *run, decide func(*step) error) error {
	r.mu.Lock()
	ended, err := e.apply(ctx, r, false, decide)
	r.mu.Unlock()
	e.tell(ended)
	return err
}

// drive is change for a step without a waiting caller: for a function's answer,
// or a timer. It repeats the step until the Store has taken it.
func (e *Engine) drive(r *run, decide func(*step) error) {
	err := e.change(context.Background(), r, decide)
	for _, final := range []error{nil, errOver, errStale, errNotDue, ErrConflict, ErrClosed} {
		if errors.Is(err, final) {
			return
		}
	}
	e.cfg.Logger.Error("store execution, will try again", "execution", r.name, "error", err)
	e.cfg.Clock.AfterFunc(storePause, func() { e.drive(r, decide) })
}

// apply decides a step, stores it, and only then lets it take effect. The caller
// holds the run's lock.
func (e *Engine) apply(ctx context.Context, r *run, create bool, decide func(*step) error) (ended *Execution, err error) {
	e.life.RLock()
	defer e.life.RUnlock()
	switch {
	case e.dead:
		return nil, ErrClosed
	case r.gone:
		return nil, errOver
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	s := step{e: e, rec: r.rec, now: e.now()}
	if err := decide(&s); err != nil {
		if errors.Is(err, errNotDue) {
			e.arm(r)
		}
		return nil, err
	}
	s.rec.Revision++
	write := e.cfg.Store.Save
	if create {
		write = e.cfg.Store.Create
	}
	// A caller that goes away must not leave a write half known.
	if err := write(context.WithoutCancel(ctx), s.rec, s.events); err != nil {
		if errors.Is(err, ErrConflict) {
			e.cfg.Logger.Error("let go of execution", "execution", r.name, "error", err)
			e.forget(r)
		}
		return nil, err
	}
	r.rec = s.rec
	if s.settled && r.call != nil {
		if s.cancel {
			r.call.cancel()
		}
		r.call = nil
	}
	if r.rec.Status != Running {
		e.forget(r)
		return &r.rec.Execution, nil
	}
	if s.invoke != nil {
		e.start(r, s.invoke)
	}
	e.arm(r)
	return nil, nil
}

func (e *Engine) tell(ended *Execution) {
	if ended != nil && e.cfg.OnEnd != nil {
		e.cfg.OnEnd(*ended)
	}
}

// arm sets the timer of a run, whose lock the caller holds.
func (e *Engine) arm(r *run) {
	r.disarm()
	due := e.nextWake(&r.rec)
	e.mu.Lock()
	defer e.mu.Unlock()
	if due.IsZero() || e.closing {
		return
	}
	r.timer = e.cfg.Clock.AfterFunc(max(0, due.Sub(e.now())), func() { e.drive(r, (*step).wake) })
}

func (r *run) disarm() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// start calls a function, unless the engine is closing: then the engine that
// resumes the execution calls it.
func (e *Engine) start(r *run, call *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return
	}
	e.calls++
	r.call = call
	call.ctx, call.cancel = context.WithCancel(e.ctx)
	e.cfg.Go(func() { e.invoke(r, call) })
}

// invoke calls a function and records its answer, even if the function panics or
// ends its goroutine.
func (e *Engine) invoke(r *run, call *invocation) {
	var answer json.RawMessage
	var f *failure
	returned := false
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Logger.Error("function panicked", "function", call.function, "panic", p, "stack", string(debug.Stack()))
			f = lambdaFailure(errFunctionExited, fmt.Sprintf("panic: %v", p))
		} else if !returned {
			f = lambdaFailure(errFunctionExited, "the function ended its goroutine")
		}
		call.cancel()
		e.drive(r, func(s *step) error { return s.answered(r, call, answer, f) })
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.calls--; e.calls == 0 && e.closing {
			close(e.idle)
		}
	}()
	answer, f = e.ask(call)
	returned = true
}

func (e *Engine) ask(call *invocation) (json.RawMessage, *failure) {
	raw, err := e.cfg.Invoke(call.ctx, call.function, call.payload)
	if err != nil {
		return nil, functionFailure(err)
	}
	answer, err := ingest(raw)
	if err != nil {
		return nil, lambdaFailure(errFunctionUnknown, "the function's answer: "+err.Error())
	}
	return answer, nil
}

// answered takes a function's answer, if its attempt is still open and in time.
func (s *step) answered(r *run, call *invocation, answer json.RawMessage, f *failure) error {
	if r.call != call {
		return errStale
	}
	if s.due() {
		return s.wake()
	}
	switch st := s.state(); {
	case f != nil:
		s.taskFailed(st, f)
	case st.token:
		s.submitted(st)
	default:
		s.succeed(st, answer)
	}
	return nil
}
