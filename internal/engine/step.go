package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// step is one change of an execution, from one wait to the next. It works on a
// copy of the record and decides everything without touching the world; what it
// decided takes effect once the Store has it.
type step struct {
	e      *Engine
	rec    Record
	events []Event
	now    time.Time

	invoke  *invocation // to be started
	settled bool        // the attempt that was open is over
	cancel  bool        // and its function's answer is not wanted
}

func (s *step) state() *state { return s.e.machine.states[s.rec.State] }

func (s *step) event(ev Event) {
	s.rec.LastEventID++
	ev.ID = s.rec.LastEventID
	if ev.ID != 2 { // Step Functions has the first state follow nothing.
		ev.PreviousEventID = ev.ID - 1
	}
	ev.Timestamp = s.now
	s.events = append(s.events, ev)
}

// begin is the first step of an execution.
func (s *step) begin() {
	s.event(Event{Type: executionStarted, Input: s.rec.Input})
	s.walk(s.e.machine.startAt, s.rec.Input)
}

// walk enters a state with its input, and the next ones, until the execution has
// to wait for something or ends.
func (s *step) walk(name string, data json.RawMessage) {
	for name != "" {
		st := s.e.machine.states[name]
		s.rec.State, s.rec.StateEnteredAt, s.rec.Data = name, s.now, data
		s.rec.Retries, s.rec.RetryCount = nil, 0
		s.event(Event{Type: st.kind + "StateEntered", State: name, Input: data})
		if s.rec.LastEventID >= historyLimit {
			s.exhaust()
			return
		}
		name, data = s.run(st, data)
	}
}

// exhaust ends an execution that goes in circles.
func (s *step) exhaust() {
	s.fail(&failure{name: errRuntime, cause: fmt.Sprintf("the execution's history has reached %d events", historyLimit)})
}

// run does what a state does as soon as it is entered, and returns the state
// that follows at once, if one does.
func (s *step) run(st *state, data json.RawMessage) (next string, output json.RawMessage) {
	switch st.kind {
	case kindTask:
		return s.attempt(st)
	case kindChoice:
		next, f := st.choose(data)
		if f != nil {
			return s.fail(f)
		}
		return s.leave(st, next, data)
	case kindWait:
		seconds, f := st.wait.resolve("Seconds", st, data, 0)
		if f != nil {
			return s.fail(f)
		}
		s.wait(PendingWait, time.Duration(seconds)*time.Second)
		return "", nil
	case kindPass:
		output, f := s.pass(st, data)
		if f != nil {
			return s.fail(f)
		}
		return s.leave(st, st.next, output)
	case kindSucceed:
		return s.leave(st, "", data)
	default: // kindFail
		return s.fail(st.failure(data))
	}
}

func (s *step) pass(st *state, data json.RawMessage) (json.RawMessage, *failure) {
	result, f := st.parameters.render(data, s.context(""))
	if f != nil {
		return nil, f
	}
	if st.result != nil {
		result = st.result
	}
	return place(st, st.place, data, result)
}

func (s *step) context(token string) *contextObject {
	return &contextObject{machine: s.e.name, rec: &s.rec, token: token}
}

// place puts a result into the state's input, as ResultPath says.
func place(st *state, at *path, data, result json.RawMessage) (json.RawMessage, *failure) {
	if at == nil {
		return data, nil
	}
	output, ok := at.put(data, result)
	if !ok {
		cause := fmt.Sprintf("ResultPath %s of state %q does not fit its input", at.text, st.name)
		return nil, &failure{name: errResultPath, cause: cause}
	}
	return output, tooLarge("output", st, output)
}

// choose returns where a Choice state leads.
func (st *state) choose(data json.RawMessage) (string, *failure) {
	for i := range st.choices {
		met, f := st.choices[i].test(data)
		if f != nil {
			f.cause = fmt.Sprintf("Choices[%d] of state %q: %s", i, st.name, f.cause)
			return "", f
		}
		if met {
			return st.choices[i].next, nil
		}
	}
	if st.fallback == "" {
		return "", &failure{name: errNoChoice, cause: fmt.Sprintf("no rule of state %q matches its input", st.name)}
	}
	return st.fallback, nil
}

// failure is what a Fail state says.
func (st *state) failure(data json.RawMessage) *failure {
	name, f := st.err.resolve("ErrorPath", st, data)
	if f != nil {
		return f
	}
	cause, f := st.cause.resolve("CausePath", st, data)
	if f != nil {
		return f
	}
	return &failure{name: name, cause: cause}
}

func (w word) resolve(field string, st *state, data json.RawMessage) (string, *failure) {
	if w.path == nil {
		return w.text, nil
	}
	v, ok := w.path.lookup(data)
	if !ok || v[0] != '"' {
		return "", unresolved(field, w.path, st, "a string")
	}
	return unquote(v), nil
}

func (sp span) resolve(field string, st *state, data json.RawMessage, least int64) (int64, *failure) {
	if sp.path == nil {
		return sp.seconds, nil
	}
	v, _ := sp.path.lookup(data)
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < least || n > maxSeconds {
		return 0, unresolved(field+"Path", sp.path, st, fmt.Sprintf("a whole number from %d to %d", least, maxSeconds))
	}
	return n, nil
}

func unresolved(field string, p *path, st *state, want string) *failure {
	return &failure{name: errRuntime, cause: fmt.Sprintf("%s %s of state %q is not %s in its input", field, p.text, st.name, want)}
}

// wait makes the execution do nothing for d.
func (s *step) wait(what Pending, d time.Duration) {
	s.rec.Pending, s.rec.WakeAt = what, s.now.Add(d)
}

// leave ends a state, and the execution with it if nothing follows.
func (s *step) leave(st *state, next string, output json.RawMessage) (string, json.RawMessage) {
	s.event(Event{Type: st.kind + "StateExited", State: st.name, Output: output})
	if next != "" {
		return next, output
	}
	s.end(Succeeded, Event{Type: executionSucceeded, Output: output})
	return "", nil
}

// fail ends the execution with an error that nothing has caught. It returns
// what run does when nothing follows.
func (s *step) fail(f *failure) (string, json.RawMessage) {
	s.end(Failed, Event{Type: executionFailed, Error: f.name, Cause: f.cause})
	return "", nil
}

// end closes the execution; ev says how.
func (s *step) end(status Status, ev Event) {
	s.settle()
	s.event(ev)
	s.rec.Status, s.rec.StoppedAt = status, s.now
	s.rec.Output, s.rec.Error, s.rec.Cause = ev.Output, ev.Error, ev.Cause
	s.rec.Data, s.rec.Retries = nil, nil
}

// settle closes whatever the execution was waiting for.
func (s *step) settle() {
	s.settled = true
	s.rec.Pending, s.rec.WakeAt = "", time.Time{}
	s.rec.Token, s.rec.TimeoutAt, s.rec.HeartbeatAt, s.rec.HeartbeatSeconds = "", time.Time{}, time.Time{}, 0
}

// handle puts an error to the state's Retry, then to its Catch. What neither
// takes ends the execution.
func (s *step) handle(st *state, f *failure) (next string, output json.RawMessage) {
	s.settle()
	for i := range st.retry {
		r := &st.retry[i]
		if !f.matches(r.errors) {
			continue
		}
		s.rec.Retries = slices.Clone(s.rec.Retries)
		for len(s.rec.Retries) <= i {
			s.rec.Retries = append(s.rec.Retries, 0)
		}
		used := s.rec.Retries[i]
		if int64(used) >= r.maxAttempts {
			break // The first retrier that names the error decides.
		}
		s.rec.Retries[i]++
		s.rec.RetryCount++
		s.wait(PendingRetry, r.delay(used, s.e.cfg.Jitter))
		return "", nil
	}
	for i := range st.catch {
		c := &st.catch[i]
		if !f.matches(c.errors) {
			continue
		}
		output, bad := place(st, c.place, s.rec.Data, f.object())
		if bad != nil {
			return s.fail(bad)
		}
		return s.leave(st, c.next, output)
	}
	return s.fail(f)
}
