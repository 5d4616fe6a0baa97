package lifecycletest

import (
	"context"
	"fmt"
)

// Executions is the state machine: it records what was started and signalled.
type Executions struct {
	w      *World
	inputs map[string]string
	open   map[string]string // token → execution
	ended  map[string]bool
	tokens int

	Starts     []string // every call of Start
	Signals    []string // what completed an open token: "<execution> succeeded <output>" or "<execution> failed <name>: <cause>"
	Heartbeats int      // of open tokens
}

// Token is a new token of an execution. Tokens of earlier tries close.
func (e *Executions) Token(execution string) string {
	e.TimeOut(execution)
	e.tokens++
	token := fmt.Sprintf("token-%d", e.tokens)
	e.open[token] = execution
	return token
}

// TimeOut closes the token of an execution, as a time-out does.
func (e *Executions) TimeOut(execution string) {
	for token, of := range e.open {
		if of == execution {
			delete(e.open, token)
		}
	}
}

// Open reports whether an execution still waits for its newest token.
func (e *Executions) Open(execution string) bool {
	for _, of := range e.open {
		if of == execution {
			return true
		}
	}
	return false
}

// Input is the document that an execution was started with.
func (e *Executions) Input(name string) string { return e.inputs[name] }

// End ends an execution without an event.
func (e *Executions) End(name string) {
	e.TimeOut(name)
	e.ended[name] = true
}

// Forget makes an execution one that was never started.
func (e *Executions) Forget(name string) { delete(e.inputs, name) }

// Running reports the state of an execution.
func (e *Executions) Running(_ context.Context, name string) (running, known bool, err error) {
	err = e.w.point("Executions.Running", func() error {
		_, known = e.inputs[name]
		running = known && !e.ended[name]
		return nil
	})
	return running, known, err
}

// Count is how many executions there are.
func (e *Executions) Count() int { return len(e.inputs) }

// Start starts an execution, or does nothing if there is one of that name.
func (e *Executions) Start(_ context.Context, name string, input []byte) error {
	return e.w.point("Executions.Start", func() error {
		e.Starts = append(e.Starts, name)
		if _, known := e.inputs[name]; !known {
			e.inputs[name] = string(input)
		}
		return nil
	})
}

// Succeed completes a token. A closed token is no error.
func (e *Executions) Succeed(_ context.Context, token string, output []byte) error {
	return e.w.point("Executions.Succeed", func() error {
		e.complete(token, "succeeded "+string(output))
		return nil
	})
}

// Fail fails a token. A closed token is no error.
func (e *Executions) Fail(_ context.Context, token, name, cause string) error {
	return e.w.point("Executions.Fail", func() error {
		e.complete(token, "failed "+name+": "+cause)
		return nil
	})
}

func (e *Executions) complete(token, with string) {
	if execution, ok := e.open[token]; ok {
		e.Signals = append(e.Signals, execution+" "+with)
		delete(e.open, token)
	}
}

// Heartbeat records progress. A closed token is no error.
func (e *Executions) Heartbeat(_ context.Context, token string) error {
	return e.w.point("Executions.Heartbeat", func() error {
		if _, ok := e.open[token]; ok {
			e.Heartbeats++
		}
		return nil
	})
}
