// Package standin is a stand-in for GitHub's runner program, for the simulated
// GitHub of package sim.
//
// It is a simulation, but the job is not: the shell steps really run, as the
// user and with the rights of this process. Its exit status is that of GitHub's
// run.sh, where 0 means neither that there was a job nor that it succeeded.
package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// The exit statuses. Refused registrations end with ExitOK, as with run.sh.
const (
	ExitOK         = 0   // a job ran, or none was available
	ExitError      = 1   // no usable JIT config, or the simulated GitHub is out of reach
	ExitTerminated = 143 // the context ended, as after SIGTERM
)

const (
	inputPrefix    = "ACTIONS_RUNNER_INPUT_"
	configVariable = inputPrefix + "JITCONFIG"
)

// Config is a stand-in's surroundings.
type Config struct {
	Args   []string            // of run.sh: --jitconfig CONFIG, or none
	Getenv func(string) string // finds ACTIONS_RUNNER_INPUT_JITCONFIG
	// Unsetenv removes it from the process, so that the job cannot read it
	// there; nil if the process has no environment of its own.
	Unsetenv func(string) error
	Environ  []string // what steps inherit, without what configures the runner
	Stdout   io.Writer
	Dir      string // writable; the work folder is made below it

	Client     *http.Client                 // nil is http.DefaultClient; must not limit the time of a request
	LookPath   func(string) (string, error) // nil is exec.LookPath
	RetryEvery time.Duration                // when the simulated GitHub does not answer; default 1 s
	Version    string                       // the version that it reports; default 2.336.0

	// Instead, if it is set, is the job in place of its steps. It returns the conclusion.
	Instead func(ctx context.Context) string
}

// Run takes one job, runs it and returns the exit status. When ctx ends, what
// the job has started is killed and the job is reported as cancelled.
func Run(ctx context.Context, cfg Config) int {
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
	if cfg.LookPath == nil {
		cfg.LookPath = exec.LookPath
	}
	if cfg.RetryEvery == 0 {
		cfg.RetryEvery = time.Second
	}
	if cfg.Version == "" {
		cfg.Version = "2.336.0"
	}
	out := &prefixed{to: cfg.Stdout}

	registration, err := registration(cfg)
	if err != nil {
		out.printf("%v", err)
		return ExitError
	}
	c := &connection{cfg: cfg, registration: registration}
	err = serve(ctx, cfg, c, out)
	switch refusal, _ := errors.AsType[*refused](err); {
	case ctx.Err() != nil:
		out.printf("Exiting: terminated")
		return ExitTerminated
	case err == nil:
		return ExitOK
	case refusal != nil:
		out.printf("%s", refusal.because)
		return ExitOK
	}
	out.printf("%v", err)
	return ExitError
}

// registration takes the JIT config out of the arguments or the environment.
func registration(cfg Config) (protocol.Registration, error) {
	encoded := cfg.Getenv(configVariable)
	if cfg.Unsetenv != nil {
		if err := cfg.Unsetenv(configVariable); err != nil {
			return protocol.Registration{}, fmt.Errorf("remove %s from the environment: %w", configVariable, err)
		}
	}
	for i, arg := range cfg.Args {
		if arg == "--jitconfig" && i+1 < len(cfg.Args) {
			encoded = cfg.Args[i+1]
		} else if value, ok := strings.CutPrefix(arg, "--jitconfig="); ok {
			encoded = value
		}
	}
	if encoded == "" {
		return protocol.Registration{}, fmt.Errorf("no JIT config: set %s or give --jitconfig", configVariable)
	}
	return protocol.Decode(encoded)
}

// serve connects, waits for one job and runs it.
func serve(ctx context.Context, cfg Config, c *connection, out *prefixed) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	defer c.close(ctx)
	out.printf("√ Connected to GitHub")
	out.printf("Current runner version: '%s'", cfg.Version)
	out.printf("Listening for Jobs")

	job, err := c.nextJob(ctx)
	if err != nil {
		return err
	}
	if err := c.accept(ctx, job.ID); err != nil {
		return err
	}
	out.printf("Running job: %s", job.Name)
	var conclusion string
	if cfg.Instead != nil {
		conclusion = cfg.Instead(ctx)
	} else if conclusion, err = runJob(ctx, cfg, c, out, job); err != nil {
		return err
	}
	out.printf("Job %s completed with result: %s", job.Name, map[string]string{
		protocol.Success: "Succeeded", protocol.Failure: "Failed", protocol.Cancelled: "Canceled",
	}[conclusion])
	return c.complete(ctx, job.ID, conclusion)
}
