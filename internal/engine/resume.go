package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Resume takes up every open execution in the Store. Call it once, before
// anything else. Waits, retries, heartbeats and the time-outs of tasks with a
// token count from where they were; what fell due meanwhile happens at once.
//
// A function whose answer was not stored is called again with the same payload,
// and the same token if there is one. Without a token its time-out starts again,
// since the call that it was meant for died with the engine.
//
// The definition is the engine's own, even for an execution that began under
// another. An execution whose state no longer exists fails with States.Runtime.
func (e *Engine) Resume(ctx context.Context) error {
	open, err := e.cfg.Store.List(ctx, Running, 0)
	if err != nil {
		return fmt.Errorf("resume executions: %w", err)
	}
	var all []error
	for _, rec := range open {
		if r, ours := e.claim(rec.Name); ours {
			if err := e.takeUp(ctx, r, rec); err != nil {
				all = append(all, fmt.Errorf("resume execution %s: %w", rec.Name, err))
			}
		}
	}
	return errors.Join(all...)
}

// takeUp resumes one execution in a run that was claimed for it.
func (e *Engine) takeUp(ctx context.Context, r *run, rec Record) error {
	r.rec = rec
	st := e.machine.states[rec.State]
	if !st.fits(&rec) {
		r.mu.Unlock()
		return e.change(ctx, r, func(s *step) error {
			s.fail(&failure{name: errRuntime, cause: fmt.Sprintf("state %q is not in the definition any more, or is another", rec.State)})
			return nil
		})
	}
	defer r.mu.Unlock()
	if rec.Pending == PendingFunction {
		s := step{e: e, rec: rec, now: e.now()}
		payload, f := s.payload(st, rec.Token)
		if f == nil {
			if !st.token {
				timeout, _ := st.timeout.resolve("TimeoutSeconds", st, rec.Data, 1)
				r.rec.TimeoutAt = s.now.Add(time.Duration(timeout) * time.Second)
			}
			e.start(r, &invocation{function: st.function, payload: payload})
		}
		// Otherwise the definition has changed; the time-out will end the attempt.
	}
	e.arm(r)
	return nil
}

// fits reports whether an execution can go on in this state.
func (st *state) fits(rec *Record) bool {
	if st == nil {
		return false
	}
	switch rec.Pending {
	case PendingWait:
		return st.kind == kindWait
	case PendingRetry:
		return st.kind == kindTask
	default:
		return st.kind == kindTask && st.token == (rec.Token != "")
	}
}
