package engine

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// attempt schedules a task. The time-outs count from here.
func (s *step) attempt(st *state) (next string, output json.RawMessage) {
	if s.rec.LastEventID >= historyLimit {
		s.exhaust()
		return "", nil
	}
	timeout, f := st.timeout.resolve("TimeoutSeconds", st, s.rec.Data, 1)
	if f != nil {
		return s.handle(st, f)
	}
	heartbeat, f := st.heartbeat.resolve("HeartbeatSeconds", st, s.rec.Data, 1)
	if f != nil {
		return s.handle(st, f)
	}
	token := ""
	if st.token {
		token = s.rec.Name + tokenSeparator + s.e.cfg.NewToken()
	}
	payload, f := s.payload(st, token)
	if f != nil {
		return s.handle(st, f)
	}
	s.rec.Pending, s.rec.WakeAt, s.rec.Token = PendingFunction, time.Time{}, token
	s.rec.TimeoutAt = s.now.Add(time.Duration(timeout) * time.Second)
	s.rec.HeartbeatSeconds = heartbeat
	s.beat()
	s.invoke = &invocation{function: st.function, payload: payload}
	s.scheduled(st, payload, timeout)
	return "", nil
}

// payload is what the function gets.
func (s *step) payload(st *state, token string) (json.RawMessage, *failure) {
	payload, f := st.parameters.render(s.rec.Data, s.context(token))
	if f != nil {
		return nil, f
	}
	return payload, tooLarge("payload", st, payload)
}

func (s *step) scheduled(st *state, payload json.RawMessage, timeout int64) {
	ev := Event{Type: st.events().scheduled, State: st.name, Resource: st.function, Input: payload}
	ev.TimeoutSeconds, ev.HeartbeatSeconds = timeout, s.rec.HeartbeatSeconds
	if st.token {
		ev.Resource = invokeWithToken
		shown, f := s.payload(st, shownToken)
		if f == nil {
			ev.Input = append(append(append(append([]byte(`{"FunctionName":`), quote(st.function)...), `,"Payload":`...), shown...), '}')
		}
	}
	s.event(ev)
	s.event(Event{Type: st.events().started, State: st.name})
}

// beat moves the heartbeat's deadline away from now.
func (s *step) beat() {
	if s.rec.HeartbeatSeconds > 0 {
		s.rec.HeartbeatAt = s.now.Add(time.Duration(s.rec.HeartbeatSeconds) * time.Second)
	}
}

// submitted notes that the function of a task with a token has answered. The
// answer itself is ignored.
func (s *step) submitted(st *state) {
	s.rec.Pending = PendingToken
	s.event(Event{Type: st.events().submitted, State: st.name, Resource: invokeWithToken})
}

// succeed ends a task with its result.
func (s *step) succeed(st *state, result json.RawMessage) {
	result = json.RawMessage(s.redact(result))
	if f := tooLarge("result", st, result); f != nil {
		s.taskFailed(st, f)
		return
	}
	s.event(Event{Type: st.events().succeeded, State: st.name, Output: result})
	output, f := place(st, st.place, s.rec.Data, result)
	if f != nil {
		s.walk(s.handle(st, f))
		return
	}
	s.settle()
	s.walk(s.leave(st, st.next, output))
}

// taskFailed ends an attempt with the error of its function or of a signal.
func (s *step) taskFailed(st *state, f *failure) {
	f = &failure{name: f.name, cause: string(s.redact([]byte(f.cause)))}
	s.event(Event{Type: st.events().failed, State: st.name, Error: f.name, Cause: f.cause})
	s.walk(s.handle(st, f))
}

// taskTimedOut ends an attempt whose time is up.
func (s *step) taskTimedOut(st *state, f *failure) {
	s.cancel = true
	s.event(Event{Type: st.events().timedOut, State: st.name, Error: f.name, Cause: f.cause})
	s.walk(s.handle(st, f))
}

// redact takes the task's token out of what goes into the data and the history.
func (s *step) redact(text []byte) []byte {
	if s.rec.Token == "" || !bytes.Contains(text, []byte(s.rec.Token)) {
		return text
	}
	return bytes.ReplaceAll(text, []byte(s.rec.Token), []byte(shownToken))
}

// shownToken stands for the token everywhere but in the function's payload.
const shownToken = "[task token]"

const (
	tokenSeparator = "." // occurs in no execution name
	maxToken       = 1024
)

// executionOf returns the name of the execution that a token belongs to.
func executionOf(token string) (string, error) {
	name, secret, ok := strings.Cut(token, tokenSeparator)
	if !ok || secret == "" || len(token) > maxToken || checkName(name) != nil {
		return "", ErrInvalidToken
	}
	return name, nil
}
