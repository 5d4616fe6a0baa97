package standin

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

// The scripts that run before and after everything else of a job.
// https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/run-scripts
const (
	hookVariable      = "ACTIONS_RUNNER_HOOK_JOB_STARTED"
	completedVariable = "ACTIONS_RUNNER_HOOK_JOB_COMPLETED"
)

// jobStarted runs the job-started hook, if the runner has one, as GitHub's runner does: with
// GitHub's variables and without the job's (actions/runner JobHookProvider.cs).
func (r *jobRun) jobStarted(ctx context.Context) string {
	return r.hook(ctx, hookVariable, "Set up runner", "started")
}

// jobCompleted runs the job-completed hook in the same way.
func (r *jobRun) jobCompleted(ctx context.Context) string {
	return r.hook(ctx, completedVariable, "Complete runner", "completed")
}

func (r *jobRun) hook(ctx context.Context, variable, title, which string) string {
	script := r.cfg.Getenv(variable)
	if script == "" {
		return protocol.Success
	}
	r.log.printf("##[group]%s", title)
	r.log.printf("A job %s hook has been configured by the self-hosted runner administrator", which)
	r.log.printf("##[endgroup]")
	switch err := r.runHook(ctx, script); {
	case err == nil:
		return protocol.Success
	case ctx.Err() != nil:
		r.log.printf("##[error]The operation was canceled.")
		return protocol.Cancelled
	default:
		r.log.printf("##[error]%v", err)
		return protocol.Failure
	}
}

func (r *jobRun) runHook(ctx context.Context, script string) error {
	if _, err := os.Stat(script); err != nil || !filepath.IsAbs(script) {
		//lint:ignore ST1005 these are the words of GitHub's runner
		return fmt.Errorf("File doesn't exist")
	}
	if filepath.Ext(script) != ".sh" {
		return fmt.Errorf("%s is not a valid path to a script. Make sure it ends in '.sh' or '.ps1' on Linux & macOS", script)
	}
	argv, err := r.interpreter("bash")
	if err != nil {
		return err
	}
	files, err := newCommandFiles(r.temp, -1)
	if err != nil {
		return err
	}
	cmd := exec.Command(argv[0], append(argv[1:], script)...)
	cmd.Dir, cmd.Env = r.workspace, withoutInputs(r.cfg.Environ)
	for _, layer := range []map[string]string{r.gitHub, files} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			cmd.Env = append(cmd.Env, name+"="+layer[name])
		}
	}
	if err := r.process(ctx, cmd); err != nil {
		return err
	}
	return r.apply(files)
}
