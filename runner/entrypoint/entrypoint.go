// Package entrypoint is the first process of a runner container: it claims the
// runner's GitHub credential and starts GitHub's runner with it.
//
// A container starts with no credential, only with a claim token that is good for one
// claimant. The nonce made up here identifies that claimant: after a lost answer only
// the same nonce may ask again.
//
// Surprisingly, run.sh must get the signal to stop exactly once. A second SIGTERM cuts
// short its wait for the job to be cancelled (actions/runner
// src/Misc/layoutroot/run.sh), so it runs in a process group of its own, where only
// this process signals it. Also, only this process writes the container's output: lines
// that a job writes there directly would become metrics, at the owner's cost, or would
// look like the fleet's.
package entrypoint

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Config is what the entrypoint uses of the world around it.
type Config struct {
	// Environ is the process's own environment; see Run for what is read from it.
	Environ []string
	// Args are the runner's command and its arguments, after an optional "--".
	Args []string

	// Self is the command that calls JobStarted with the arguments that follow; without one the
	// runner's job cannot be asked about.
	Self []string

	// Stdout is the container's log. It must be safe for concurrent use, as an *os.File
	// is. The runner does not get it: what the runner writes comes here with a prefix.
	Stdout io.Writer

	// Seal closes this process to the job, such as seal.Process; by default nothing.
	// It is called before the runner starts.
	Seal func() error

	// Bundles are where the system may keep the certificates that it trusts, in one file of
	// PEM: the first that is there counts. By default the places of the distributions.
	Bundles []string

	// Signals delivers the SIGTERM and SIGINT that this process receives.
	Signals <-chan os.Signal

	HTTP  *http.Client                         // by default one whose requests end after 30 s
	Now   func() time.Time                     // by default time.Now
	After func(time.Duration) <-chan time.Time // by default time.After
	Rand  io.Reader                            // for the nonce and for jitter; by default crypto/rand.Reader
}

// Run claims the runner's credential, runs the runner to its end, and returns
// the status to exit with: the runner's own (128+n if signal n ended it), or one
// that fleet.ExplainExit explains. It reads from the environment
//
//	RUNNER_ID        the runner id
//	CLAIM_URL        the full URL of POST /runners/{id}/claim
//	CLAIM_TOKEN      the bearer token of that request
//	CLAIM_IDENTITY_HOST, CLAIM_IDENTITY_REGION
//	                 STS, if the claim is to show which task of ECS it comes from
//	AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
//	                 where ECS gives out the credentials of the task's role
//	RUNNER_COMMAND   path of the runner if Args names none (default ./run.sh); never split into words
//	STOP_TIMEOUT     seconds from a forwarded signal to SIGKILL (default 110: Fargate allows 120)
//	LOG_MIB          how much of the runner's output is written, in MiB (default fleet.DefaultLogMiB)
//	ACTIONS_RUNNER_HOOK_JOB_STARTED
//	                 the image's own hook, which runs after the fleet's
//	TMPDIR           where the fleet's hook is
//	HOME             where certificates are written that the claim's answer has, in .ecsrunner;
//	                 of the variables that name certificates, what they name stays trusted
//
// A signal, or the end of ctx in place of SIGTERM, ends a claim at once and is
// forwarded to the runner once. Run's messages go to Stdout, a line at a time, and
// contain neither token, nonce nor credential.
func Run(ctx context.Context, cfg Config) (exitCode int) {
	e := entrypoint{Config: cfg.withDefaults()}
	s, err := readSettings(e.Environ, e.Args)
	if err != nil {
		e.say("%v", err)
		return fleet.ExitUsage
	}
	claimed, code := e.claimUnlessStopped(ctx)
	if claimed.Credential == "" {
		return code
	}
	if claimed.GitHubCA != "" {
		if e.Environ, err = trust(e.Environ, claimed.GitHubCA, e.Bundles); err != nil {
			e.say("%v", err)
			return fleet.ExitUsage
		}
	}
	return e.runRunner(ctx, s, claimed)
}

func (c Config) withDefaults() Config {
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Seal == nil {
		c.Seal = func() error { return nil }
	}
	if c.Bundles == nil {
		c.Bundles = systemBundles()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	return c
}

type entrypoint struct{ Config }

// claimUnlessStopped returns the credential, or none and the exit code.
func (e entrypoint) claimUnlessStopped(ctx context.Context) (claimed Claimed, code int) {
	claiming, abandon := context.WithCancel(ctx)
	defer abandon()
	type result struct {
		claimed Claimed
		code    int
	}
	answered := make(chan result, 1)
	go func() {
		claimed, code := Claim(claiming, e.claiming())
		answered <- result{claimed, code}
	}()

	stopped := func(sig os.Signal) (Claimed, int) {
		abandon()
		<-answered
		e.say("stopped by %s before the runner started", signalName(sig))
		return Claimed{}, exitCodeOf(sig)
	}
	select {
	case sig := <-e.Signals:
		return stopped(sig)
	case <-ctx.Done():
		return stopped(syscall.SIGTERM)
	case r := <-answered:
		return r.claimed, r.code
	}
}

func (e entrypoint) claiming() Claiming {
	return Claiming{
		Environ: e.Environ, CanAsk: len(e.Self) > 0, Stdout: e.Stdout, HTTP: e.HTTP,
		Now: e.Now, Sleep: sleepWith(e.After), Rand: e.Rand,
	}
}

func (e entrypoint) say(format string, args ...any) { say(e.Stdout, format, args...) }

// say prints one line. Text that strangers may have written into it stays on that line.
func say(out io.Writer, format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	fmt.Fprintf(out, "ecsrunner: %s\n", text)
}
