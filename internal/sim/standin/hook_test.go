//go:build unix

package standin_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

// everything is a job whose parts each say their name.
func everything() []sim.StepSpec {
	return []sim.StepSpec{
		{Name: "action", Run: "echo main", Shell: "sh", Pre: "echo pre", Post: "echo post"},
		{Run: "echo always", Shell: "sh", If: "always()"},
		{Run: "echo on failure", Shell: "sh", If: "failure()"},
	}
}

// hooked is a job on a runner with a job-started hook.
func hooked(t *testing.T, ctx context.Context, script string, change func(*standin.Config)) (sim.Job, string) {
	t.Helper()
	w := newWorld(t, sim.Config{})
	hook := filepath.Join(t.TempDir(), "hook.sh")
	if err := os.WriteFile(hook, []byte(script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := w.Queue(sim.JobSpec{Name: "j", Key: "j", Workflow: "w", Labels: []string{"x"}, Env: map[string]string{"COLOR": "green", "CI": "no"}, Steps: everything()})
	config := w.register("r", "x").EncodedJITConfig
	w.run(ctx, config, func(c *standin.Config) {
		getenv := c.Getenv
		c.Getenv = func(name string) string {
			if name == "ACTIONS_RUNNER_HOOK_JOB_STARTED" {
				return hook
			}
			return getenv(name)
		}
		if change != nil {
			change(c)
		}
	})
	job, _ := w.Job(id)
	var log []string
	for _, line := range w.JobLog(id) {
		if !strings.HasPrefix(line, "simulated GitHub: ") {
			log = append(log, line)
		}
	}
	return job, output(log)
}

// What a hook that fails does not stop is why it takes more than that to enforce a policy
// (actions/runner#2811).
func TestTheJobStartedHook(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   string
		log    string
	}{
		"it succeeds": {
			`echo "[$GITHUB_REPOSITORY $CI $INHERITED $COLOR]"`, "success: success success skipped",
			"[octo/widgets true yes ]\npre\nmain\nalways\npost"},
		"it fails, and pre, always and post still run": {
			"exit 3", "failure: skipped success success",
			"##[error]Process completed with exit code 3.\npre\nalways\non failure\npost"},
		"it leaves a variable": {
			`echo COLOR=red >> "$GITHUB_ENV"`, "success: success success skipped", "pre\nmain\nalways\npost"},
	} {
		t.Run(name, func(t *testing.T) {
			job, log := hooked(t, t.Context(), c.script, nil)
			if got := conclusions(job); got != c.want {
				t.Errorf("conclusions are %q, want %q", got, c.want)
			}
			if diff := cmp.Diff(c.log, log); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// On SIGINT to the runner everything is skipped, and the job is cancelled.
func TestTheRunnerEndsDuringTheHook(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	job, log := hooked(t, ctx, "echo refused; exec sleep 1000", func(c *standin.Config) { c.Stdout = stopAt{"refused", interrupt} })
	if got, want := conclusions(job), "cancelled: skipped skipped skipped"; got != want {
		t.Errorf("conclusions are %q, want %q", got, want)
	}
	if !strings.HasPrefix(log, "refused\n") || strings.Contains(log, "pre") || strings.Contains(log, "always") {
		t.Errorf("the log is %s", log)
	}
}
