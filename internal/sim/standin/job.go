package standin

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// jobRun is one job while it runs.
type jobRun struct {
	cfg  Config
	conn *connection
	job  *protocol.Job
	log  *jobLog

	workspace string
	temp      string
	gitHub    map[string]string // GitHub's variables
	env       map[string]string // GitHub's and the job's, and what steps added to GITHUB_ENV
	path      []string          // what steps added to GITHUB_PATH, latest first
	left      []leftover
}

// runJob runs the steps of a job and returns its conclusion. An error means
// that the job is no longer this runner's.
func runJob(ctx context.Context, cfg Config, c *connection, out *prefixed, job *protocol.Job) (string, error) {
	alive, kill := context.WithCancel(ctx) // until the runner ends or loses the job
	defer kill()
	running, cancel := context.WithCancel(alive) // until the job is cancelled, too
	defer cancel()
	// What happened is still reported for a moment after ctx has ended.
	reporting, mute := context.WithCancel(context.WithoutCancel(ctx))
	defer mute()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, mute) })()

	listening, stopListening := context.WithCancel(ctx)
	defer stopListening()
	var orphaned error
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for {
			m, err := c.message(listening)
			switch {
			case listening.Err() != nil:
				return
			case err != nil:
				orphaned = err
				kill()
				mute()
				return
			case m.Type == protocol.CancelMessage:
				cancel()
			}
		}
	}()

	r := &jobRun{cfg: cfg, conn: c, job: job, log: newJobLog(reporting, c, out, job.ID)}
	conclusion := protocol.Failure
	if err := r.prepare(); err != nil {
		r.log.printf("##[error]%v", err)
	} else {
		conclusion = r.steps(alive, running, reporting)
	}
	for _, l := range r.left {
		l.end()
	}
	r.log.close()
	stopListening()
	<-heard
	return conclusion, orphaned
}

// prepare makes the directories and the variables that every step finds.
func (r *jobRun) prepare() error {
	_, name, _ := strings.Cut(r.job.Repository, "/")
	work := r.conn.registration.WorkFolder
	if !filepath.IsAbs(work) {
		work = filepath.Join(r.cfg.Dir, work)
	}
	r.workspace = filepath.Join(work, name, name)
	r.temp = filepath.Join(work, "_temp")
	for _, dir := range []string{r.workspace, r.temp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("prepare the work folder: %w", err)
		}
	}
	arch := map[string]string{"amd64": "X64", "arm64": "ARM64"}[runtime.GOARCH]
	owner, _, _ := strings.Cut(r.job.Repository, "/")
	r.gitHub = map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true",
		"GITHUB_REPOSITORY": r.job.Repository, "GITHUB_REPOSITORY_OWNER": owner,
		"GITHUB_WORKFLOW": r.job.Workflow, "GITHUB_JOB": r.job.Key,
		"GITHUB_RUN_ID": strconv.FormatInt(r.job.RunID, 10), "GITHUB_RUN_ATTEMPT": strconv.Itoa(r.job.RunAttempt),
		"GITHUB_SHA": r.job.SHA, "GITHUB_REF": r.job.Ref, "GITHUB_REF_NAME": path.Base(r.job.Ref),
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": owner,
		"GITHUB_SERVER_URL": r.job.ServerURL, "GITHUB_API_URL": r.job.APIURL, "GITHUB_WORKSPACE": r.workspace,
		"RUNNER_NAME": r.conn.registration.RunnerName, "RUNNER_OS": "Linux", "RUNNER_ARCH": arch,
		"RUNNER_ENVIRONMENT": "self-hosted", "RUNNER_TEMP": r.temp,
	}
	r.env = maps.Clone(r.gitHub)
	maps.Copy(r.env, r.job.Env)
	return nil
}

// steps runs the job-started hook, what comes before the steps, the steps in order, what
// comes after them, and the job-completed hook. After a cancellation by GitHub, or a hook that failed, the steps with
// always() still run, and so does what actions do before and after; after the end of the
// runner nothing does (actions/runner JobExtension.cs, StepsRunner.cs).
func (r *jobRun) steps(alive, running, reporting context.Context) string {
	conclusion := r.jobStarted(running)
	began := map[int]bool{}
	for i, step := range r.job.Steps {
		if step.Pre != "" && alive.Err() == nil {
			began[i] = true
			conclusion = worse(conclusion, r.action(alive, i, "Pre "+step.Title(), step.Pre, step))
		}
	}
	for i, step := range r.job.Steps {
		in := running
		if step.If == "always()" {
			in = alive
		}
		result := protocol.Skipped
		if in.Err() == nil && wanted(step.If, conclusion) {
			began[i] = true
			r.report(reporting, protocol.StepResult{Index: i})
			result = r.step(in, i, step)
		}
		r.report(reporting, protocol.StepResult{Index: i, Conclusion: result})
		conclusion = worse(conclusion, result)
	}
	for i, step := range slices.Backward(r.job.Steps) {
		if step.Post != "" && began[i] && alive.Err() == nil {
			conclusion = worse(conclusion, r.action(alive, i, "Post "+step.Title(), step.Post, step))
		}
	}
	if alive.Err() == nil {
		conclusion = worse(conclusion, r.jobCompleted(alive))
	}
	if running.Err() != nil {
		return protocol.Cancelled
	}
	return conclusion
}

// worse is the conclusion of a job after one more of its parts.
func worse(soFar, result string) string {
	if result == protocol.Failure {
		return protocol.Failure
	}
	return soFar
}

// action runs what an action does before or after the steps.
func (r *jobRun) action(ctx context.Context, i int, title, script string, step protocol.Step) string {
	return r.step(ctx, i, protocol.Step{Name: title, Run: script, Shell: step.Shell, Env: step.Env})
}

func wanted(condition, soFar string) bool {
	switch condition {
	case "always()":
		return true
	case "failure()":
		return soFar == protocol.Failure
	}
	return soFar == protocol.Success
}

// report reports a step to GitHub. A report that fails does not fail the job.
func (r *jobRun) report(ctx context.Context, result protocol.StepResult) {
	if err := r.conn.step(ctx, r.job.ID, result); err != nil && ctx.Err() == nil {
		r.log.printf("report step %d: %v", result.Index+1, err)
	}
}

// step runs one step and returns its conclusion.
func (r *jobRun) step(ctx context.Context, i int, step protocol.Step) string {
	r.log.printf("##[group]%s", step.Title())
	for line := range strings.Lines(strings.TrimSuffix(step.Run, "\n")) {
		r.log.printf("%s", strings.TrimSuffix(line, "\n"))
	}
	r.log.printf("##[endgroup]")

	limited, cancel := ctx, context.CancelFunc(func() {})
	if step.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, step.Timeout)
	}
	defer cancel()
	err := r.shell(limited, i, step)
	switch {
	case err == nil:
		return protocol.Success
	case ctx.Err() != nil:
		r.log.printf("##[error]The operation was canceled.")
		return protocol.Cancelled
	case limited.Err() != nil:
		r.log.printf("##[error]The step was stopped after %s.", step.Timeout)
	default:
		r.log.printf("##[error]%v", err)
	}
	if step.ContinueOnError {
		return protocol.Success
	}
	return protocol.Failure
}

// environ is the environment of a step's process: inherited variables, GitHub's and the
// job's, the step's own; later ones override earlier ones.
func (r *jobRun) environ(step protocol.Step, files map[string]string) []string {
	env := withoutInputs(r.cfg.Environ)
	for _, layer := range []map[string]string{r.env, step.Env, files} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			env = append(env, name+"="+layer[name])
		}
	}
	if len(r.path) > 0 {
		was := r.cfg.Getenv("PATH")
		for _, variable := range env {
			if value, ok := strings.CutPrefix(variable, "PATH="); ok {
				was = value
			}
		}
		env = append(env, "PATH="+strings.Join(append(slices.Clone(r.path), was), string(os.PathListSeparator)))
	}
	return env
}

// withoutInputs is the runner's own environment without what configures it.
func withoutInputs(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool { return strings.HasPrefix(variable, inputPrefix) })
}
