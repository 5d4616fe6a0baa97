// Package engine runs a state machine in Amazon States Language on one machine, with
// the semantics of a Step Functions Standard workflow, and durably: executions
// continue after a crash.
//
// A missed heartbeat is an error with the name States.Timeout, here as on AWS.
// States.HeartbeatTimeout is only a name by which a Retry or Catch can ask for it; no
// function and no history ever sees it.
//
// The engine is for definitions that stay within JSONPath reference paths; Parse
// refuses the rest by name. It is also never kinder than AWS: a function's error
// has the name that the Lambda runtime would have given it.
package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// Config is what an Engine is made of. Machine, Invoke and Store must be given.
// Invoke and OnEnd may call the engine; Store, Clock, NewToken, Jitter and Go must
// not.
type Config struct {
	Machine *Machine
	// Name is the state machine's name, in the context object; "local" by default.
	Name string
	// Invoke calls a function and returns its answer. An error gets the name that the
	// Lambda runtime would have given it: the outermost error's ErrorName() string, or
	// else its type's name. A panic is a Runtime.ExitError. The context ends when the
	// task times out, when its execution times out or is stopped, and when Close does
	// not wait any longer. As on Lambda, a signal that ends the task does not end the
	// call.
	//
	// After a crash a function whose answer was not stored is called again: at least
	// once, with the same payload and token.
	Invoke func(ctx context.Context, functionARN string, payload json.RawMessage) (json.RawMessage, error)
	Store  Store
	// Clock is the SystemClock by default.
	Clock Clock
	// NewToken makes the secret part of a task token, at most 900 characters that JSON
	// does not escape. By default it is 26 random ones.
	NewToken func() string
	// Jitter is a random number in [0,1), for retries with JitterStrategy FULL.
	Jitter func() float64
	// Go runs f, an invocation, and must return before f runs. By default it starts a
	// goroutine; a simulation may queue f instead.
	Go func(f func())
	// OnEnd gets every execution that has ended, after the Store has it; after a crash
	// perhaps never.
	OnEnd func(Execution)
	// Logger records panics and writes that the Store refused; by default they are
	// discarded.
	Logger *slog.Logger
}

// Engine runs executions of one state machine. All its methods may be called at
// once from many goroutines, functions and OnEnd among them.
type Engine struct {
	cfg     Config
	name    string
	machine *Machine

	// Writers to the Store hold life for reading. Close takes it to set
	// dead, so that no write comes after it.
	life sync.RWMutex
	dead bool

	ctx  context.Context // of invocations
	stop context.CancelFunc

	mu      sync.Mutex // taken after a run's own
	runs    map[string]*run
	closing bool
	calls   int           // invocations under way
	idle    chan struct{} // closed when there are none, once closing
}

// New returns an engine that has nothing to do yet. Call Resume before anything
// else if its Store may hold open executions.
func New(cfg Config) (*Engine, error) {
	if cfg.Machine == nil || cfg.Invoke == nil || cfg.Store == nil {
		return nil, errors.New("engine: Machine, Invoke and Store must be given")
	}
	if cfg.Name == "" {
		cfg.Name = "local"
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	if cfg.NewToken == nil {
		cfg.NewToken = rand.Text
	}
	if cfg.Jitter == nil {
		cfg.Jitter = mathrand.Float64
	}
	if cfg.Go == nil {
		cfg.Go = func(f func()) { go f() }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg:     cfg,
		name:    cfg.Name,
		machine: cfg.Machine,
		runs:    map[string]*run{},
		idle:    make(chan struct{}),
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, nil
}

// Start begins an execution. Its name has 1 to 80 of 0-9 A-Z a-z - _, and can be used
// only once. If an execution of that name is running on the same input, Start returns
// it as it is; if there is any other, it fails with ErrExecutionAlreadyExists. So
// repeating a Start is safe. No input means {}.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
func (e *Engine) Start(ctx context.Context, name string, input json.RawMessage) (Execution, error) {
	if err := checkName(name); err != nil {
		return Execution{}, err
	}
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	input, err := ingest(input)
	if err != nil {
		return Execution{}, fmt.Errorf("start execution %s: %w: %w", name, ErrInvalidInput, err)
	}
	if len(input) > maxData {
		return Execution{}, fmt.Errorf("start execution %s: %w: it has %d bytes; the limit is %d", name, ErrInvalidInput, len(input), maxData)
	}
	for {
		r, ours := e.claim(name)
		if ours {
			return e.create(ctx, r, name, input)
		}
		r.mu.Lock()
		gone, found := r.gone, r.rec.Execution
		r.mu.Unlock()
		if !gone {
			return startedWith(found, input)
		}
	}
}

// create makes the first step of a run that was claimed for it.
func (e *Engine) create(ctx context.Context, r *run, name string, input json.RawMessage) (Execution, error) {
	now := e.now()
	r.rec = Record{Execution: Execution{Name: name, Status: Running, Input: input, StartedAt: now}}
	ended, err := e.apply(ctx, r, true, func(s *step) error {
		s.begin()
		return nil
	})
	started := r.rec.Execution
	if err != nil {
		e.forget(r)
	}
	r.mu.Unlock()
	switch {
	case errors.Is(err, ErrExecutionAlreadyExists):
		found, err := e.cfg.Store.Load(ctx, name)
		if err != nil {
			return Execution{}, fmt.Errorf("start execution %s: %w", name, err)
		}
		return startedWith(found.Execution, input)
	case err != nil:
		return Execution{}, fmt.Errorf("start execution %s: %w", name, err)
	}
	e.tell(ended)
	return started, nil
}

// startedWith is the answer to another Start of the same name.
func startedWith(x Execution, input json.RawMessage) (Execution, error) {
	if x.Status != Running {
		return Execution{}, fmt.Errorf("start execution %s: it has ended: %w", x.Name, ErrExecutionAlreadyExists)
	}
	if !sameJSON(x.Input, input) {
		return Execution{}, fmt.Errorf("start execution %s: it runs on another input: %w", x.Name, ErrExecutionAlreadyExists)
	}
	return x, nil
}

func checkName(name string) error {
	if len(name) < 1 || len(name) > 80 {
		return fmt.Errorf("%w: %q does not have 1 to 80 characters", ErrInvalidName, clip(name, 100))
	}
	for _, c := range []byte(name) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fmt.Errorf("%w: %q has another character than 0-9 A-Z a-z - _", ErrInvalidName, name)
		}
	}
	return nil
}

// Stop ends an execution as ABORTED. If it has ended already, Stop changes nothing and
// returns no error.
func (e *Engine) Stop(ctx context.Context, name, errorName, cause string) error {
	r, err := e.find(ctx, name)
	if err == nil {
		err = e.change(ctx, r, func(s *step) error {
			s.cancel = true
			s.end(Aborted, Event{Type: executionAborted, Error: clip(errorName, maxErrorName), Cause: clip(cause, maxCause)})
			return nil
		})
	}
	if err != nil && !errors.Is(err, errOver) {
		return fmt.Errorf("stop execution %s: %w", name, err)
	}
	return nil
}

// Describe returns an execution, running or not. It fails with
// ErrExecutionDoesNotExist.
func (e *Engine) Describe(ctx context.Context, name string) (Execution, error) {
	r, err := e.cfg.Store.Load(ctx, name)
	return r.Execution, err
}

// History returns an execution's events, the oldest first. It fails with
// ErrExecutionDoesNotExist.
func (e *Engine) History(ctx context.Context, name string) ([]Event, error) {
	return e.cfg.Store.History(ctx, name)
}

// List returns the executions with a status, or with any if status is "", the latest
// started first: at most limit of them, or all if limit is 0.
func (e *Engine) List(ctx context.Context, status Status, limit int) ([]Execution, error) {
	records, err := e.cfg.Store.List(ctx, status, limit)
	list := make([]Execution, len(records))
	for i := range records {
		list[i] = records[i].Execution
	}
	return list, err
}

// Close refuses new calls, except from functions that are still running, and waits
// until those have answered or ctx ends. Open executions stay open in the Store, and
// another engine can resume them. Close returns the context's error if it did not wait
// for every function: the missing answers are lost, and those functions will be called
// again.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if !e.closing {
		e.closing = true
		if e.calls == 0 {
			close(e.idle)
		}
	}
	open := make([]*run, 0, len(e.runs))
	for _, r := range e.runs {
		open = append(open, r)
	}
	e.mu.Unlock()
	for _, r := range open {
		r.mu.Lock()
		r.disarm()
		r.mu.Unlock()
	}
	var err error
	select {
	case <-e.idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.life.Lock()
	e.dead = true
	e.life.Unlock()
	e.stop()
	return err
}

func (e *Engine) now() time.Time { return e.cfg.Clock.Now().UTC().Round(0) }
