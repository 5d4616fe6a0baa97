// Package lambdahost is test support: it runs built Lambda functions as processes
// of this machine, unchanged, behind the Lambda Runtime API.
//
// A function's process sees nothing of this process's environment, as on Lambda, so a
// variable that the deployment forgets is missing here too. Only speed differs from
// Lambda: nothing freezes between invocations, and MemoryMB is only a number that the
// function gets.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Config is a function as it is deployed.
type Config struct {
	Name    string
	Command []string          // the program, and before it the program that runs it, if any
	Env     map[string]string // the deployment's variables and the function's credentials; wins over Lambda's own
	Timeout time.Duration     // of one invocation, without the process's start; 0: Lambda's default
	// MemoryMB is the number that the function gets; 0: Lambda's default.
	MemoryMB int
}

// Lambda's defaults, and how long a process may take until it asks for its first
// invocation. Lambda gives it 10 s; an emulated processor needs more.
const (
	defaultTimeout  = 3 * time.Second
	defaultMemoryMB = 128
	startLimit      = 60 * time.Second
)

// Function is a deployed function. Its methods are safe for concurrent use.
type Function struct {
	config Config
	log    lines

	mu        sync.Mutex
	processes []*process // that have been started and have not ended
	idle      []*process // of these, those that wait for an invocation
	started   int
	closed    bool
	running   sync.WaitGroup // the processes
}

// New deploys a function. No process is started before the first invocation. The
// caller closes the function.
func New(config Config) (*Function, error) {
	if len(config.Command) == 0 {
		return nil, fmt.Errorf("deploy function %s: it has no command", config.Name)
	}
	program, err := filepath.Abs(config.Command[len(config.Command)-1])
	if err != nil {
		return nil, fmt.Errorf("deploy function %s: %w", config.Name, err)
	}
	config.Command = append(slices.Clone(config.Command[:len(config.Command)-1]), program)
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.MemoryMB == 0 {
		config.MemoryMB = defaultMemoryMB
	}
	return &Function{config: config}, nil
}

// ErrClosed is the error of an invocation of a closed function.
var ErrClosed = errors.New("the function is closed")

// Invoke calls the function once and returns its response. An *Error is what the caller
// of a function on Lambda sees; any other error is this host's own, or that of a ctx
// which ended first. The process of such an invocation is killed.
//
// An idle process is used again. If there is none, one is started.
func (f *Function) Invoke(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	p, err := f.take()
	if err != nil {
		return nil, fmt.Errorf("invoke function %s: %w", f.config.Name, err)
	}
	answer, err := p.invoke(ctx, newInvocation(payload, f.config.Timeout))
	if errors.Is(err, errDiedIdle) {
		return f.Invoke(ctx, payload)
	}
	if err != nil {
		p.kill()
	}
	open := f.giveBack(p)
	switch {
	case !open && (err != nil || answer.failure != nil):
		return nil, fmt.Errorf("invoke function %s: %w", f.config.Name, ErrClosed)
	case err != nil:
		return nil, fmt.Errorf("invoke function %s: %w", f.config.Name, err)
	case answer.failure != nil:
		return nil, answer.failure
	}
	return answer.response, nil
}

// take is an idle process, or a new one.
func (f *Function) take() (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if last := len(f.idle) - 1; last >= 0 {
		p := f.idle[last]
		f.idle = f.idle[:last]
		return p, nil
	}
	f.started++
	p, err := startProcess(f.config, f.started, &f.log)
	if err != nil {
		return nil, err
	}
	f.processes = append(f.processes, p)
	f.running.Go(func() {
		<-p.ended
		f.mu.Lock()
		defer f.mu.Unlock()
		f.processes = slices.DeleteFunc(f.processes, func(q *process) bool { return q == p })
	})
	return p, nil
}

// giveBack makes a living process an idle one; false if the function is closed.
func (f *Function) giveBack(p *process) (open bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !p.hasEnded() {
		f.idle = append(f.idle, p)
	}
	return !f.closed
}

// Kill ends, as the kernel does when memory runs out, every process that works on an
// invocation or starts for one. It returns their number when they are gone. Their
// invocations fail with Runtime.ExitError; the next one gets a new process. A handler
// that serves a request of such a process may call it.
func (f *Function) Kill() int {
	f.mu.Lock()
	busy := slices.DeleteFunc(slices.Clone(f.processes), func(p *process) bool { return slices.Contains(f.idle, p) })
	f.mu.Unlock()
	for _, p := range busy {
		p.kill()
	}
	return len(busy)
}

// Recycle ends the idle processes, as Lambda does at any time: the next invocations get
// new ones. It returns when they are gone.
func (f *Function) Recycle() {
	f.mu.Lock()
	idle := f.idle
	f.idle = nil
	f.mu.Unlock()
	for _, p := range idle {
		p.kill()
	}
}

// Started is how many processes there have been.
func (f *Function) Started() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

// PIDs are the processes that live.
func (f *Function) PIDs() (pids []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.processes {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

// Logs are the lines that the function's processes have written so far, to standard
// output and standard error. Those of one process are in their order. What a
// process wrote may be incomplete until it is killed or the function is closed.
func (f *Function) Logs() []string { return f.log.all() }

// Close ends all processes and returns when they are gone. Open invocations fail
// with ErrClosed, as all later ones do.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	all := slices.Clone(f.processes)
	f.mu.Unlock()
	for _, p := range all {
		p.kill()
	}
	f.running.Wait()
}
