package lambdahost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// process is one execution environment. It has a Runtime API at an address of its own:
// so requests of several processes are distinguished.
type process struct {
	cmd   *exec.Cmd
	api   *http.Server
	wrote lines
	work  chan *invocation // taken by the process's request for the next one
	ended chan struct{}

	runtime *runtimeAPI
}

func startProcess(config Config, number int, log *lines) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{work: make(chan *invocation), ended: make(chan struct{})}
	p.runtime = &runtimeAPI{config: config, work: p.work, ended: p.ended, initFailed: make(chan *Error, 1)}
	p.api = &http.Server{Handler: p.runtime.routes()}

	p.cmd = exec.Command(config.Command[0], config.Command[1:]...)
	ownGroup(p.cmd)
	p.cmd.Env = environment(config, number, listener.Addr().String())
	output := &splitter{to: []*lines{log, &p.wrote}}
	p.cmd.Stdout, p.cmd.Stderr = output, output // one pipe keeps the order
	p.cmd.WaitDelay = time.Second               // for the output, when a grandchild keeps the pipe
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() { _ = p.api.Serve(listener) }() // returns when the process has ended
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		output.flush()
		close(p.ended)
		_ = p.api.Close()
	}()
	return p, nil
}

// errDiedIdle is the error of a process that ended after its start and before it took
// the invocation: another process takes that.
var errDiedIdle = errors.New("the process ended while it was idle")

// invoke gives the process one invocation, and waits for its start if it is new.
func (p *process) invoke(ctx context.Context, i *invocation) (answer, error) {
	start := time.NewTimer(startLimit)
	defer start.Stop()
	select {
	case p.work <- i:
	case failure := <-p.runtime.initFailed:
		return answer{failure: p.atInit(failure)}, nil
	case <-p.ended:
		if p.runtime.asked.Load() {
			return answer{}, errDiedIdle
		}
		return answer{failure: p.atInit(exited(i.id, p.cmd.ProcessState.String()))}, nil
	case <-start.C:
		return answer{failure: p.atInit(timedOut(i.id, startLimit))}, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	limit := time.NewTimer(i.timeout)
	defer limit.Stop()
	select {
	case <-i.done:
	case <-p.ended:
	case <-limit.C:
		p.kill()
		return i.answer(func() *Error { return timedOut(i.id, i.timeout) }), nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	return i.answer(func() *Error { return exited(i.id, p.cmd.ProcessState.String()) }), nil
}

// atInit is a failure before the first invocation. The process is useless.
func (p *process) atInit(failure *Error) *Error {
	p.kill()
	failure.Init, failure.Output = true, strings.Join(p.wrote.all(), "\n")
	return failure
}

// kill returns when the process is gone and all it wrote is collected.
func (p *process) kill() {
	if !p.hasEnded() {
		killGroup(p.cmd)
	}
	<-p.ended
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// environment is what Lambda sets, and then the function's own
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func environment(config Config, number int, api string) []string {
	program := config.Command[len(config.Command)-1]
	env := map[string]string{
		"AWS_DEFAULT_REGION":              "us-east-1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(config.MemoryMB),
		"AWS_LAMBDA_FUNCTION_NAME":        config.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + config.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      fmt.Sprintf("process-%d", number),
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_REGION":                      "us-east-1",
		"LANG":                            "en_US.UTF-8",
		"LAMBDA_TASK_ROOT":                filepath.Dir(program),
		"PATH":                            os.Getenv("PATH"),
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
	}
	for name, value := range config.Env {
		env[name] = value
	}
	var all []string
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}
