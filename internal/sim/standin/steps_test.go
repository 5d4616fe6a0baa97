package standin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

func TestSteps(t *testing.T) {
	fail := sim.StepSpec{Run: "exit 3", Shell: "sh"}
	with := func(s sim.StepSpec, change func(*sim.StepSpec)) sim.StepSpec { change(&s); return s }
	always := func(s *sim.StepSpec) { s.If = "always()" }
	failed := func(s *sim.StepSpec) { s.If = "failure()" }

	for name, tc := range map[string]struct {
		steps []sim.StepSpec
		want  string
		log   string
	}{
		"all succeed": {
			[]sim.StepSpec{sh("echo a"), sh("echo b")}, "success: success success", "a\nb"},
		"a failure skips what follows": {
			[]sim.StepSpec{fail, sh("echo b")}, "failure: failure skipped", "##[error]Process completed with exit code 3."},
		"always runs after a failure, failure too": {
			[]sim.StepSpec{fail, with(sh("echo a"), always), with(sh("echo f"), failed)}, "failure: failure success success",
			"##[error]Process completed with exit code 3.\na\nf"},
		"failure does not run after a success": {
			[]sim.StepSpec{with(sh("echo f"), failed)}, "success: skipped", ""},
		"an error may be continued": {
			[]sim.StepSpec{with(fail, func(s *sim.StepSpec) { s.ContinueOnError = true }), sh("echo b")}, "success: success success",
			"##[error]Process completed with exit code 3.\nb"},
		"a script stops at its first error": {
			[]sim.StepSpec{sh("false\necho never")}, "failure: failure", "##[error]Process completed with exit code 1."},
		"bash fails with the first part of a pipe": {
			[]sim.StepSpec{{Run: "false | true\necho never", Shell: "bash"}}, "failure: failure", "##[error]Process completed with exit code 1."},
		"the default shell does not": {
			[]sim.StepSpec{{Run: "false | true\necho on"}}, "success: success", "on"},
		"GITHUB_ENV reaches later steps": {
			[]sim.StepSpec{sh(`printf 'A=1\nB<<END\nx\ny\nEND\n' >> "$GITHUB_ENV"; echo "[$A]"`), sh(`echo "$A $B $COLOR"`)},
			"success: success success", "[]\n1 x\ny green"},
		"GITHUB_ENV that makes no sense fails the step": {
			[]sim.StepSpec{sh(`echo nonsense >> "$GITHUB_ENV"`)}, "failure: failure",
			"##[error]read GITHUB_ENV: line 1 is neither NAME=VALUE nor NAME<<DELIMITER"},
		"GITHUB_PATH reaches later steps": {
			[]sim.StepSpec{sh(`mkdir bin; printf '#!/bin/sh\necho tool\n' > bin/tool; chmod +x bin/tool; echo "$PWD/bin" >> "$GITHUB_PATH"`), sh("tool")},
			"success: success success", "tool"},
		"a step's env goes before the job's": {
			[]sim.StepSpec{with(sh("echo $COLOR"), func(s *sim.StepSpec) { s.Env = map[string]string{"COLOR": "red"} })}, "success: success", "red"},
		"GITHUB_OUTPUT can be written": {
			[]sim.StepSpec{sh(`echo a=b >> "$GITHUB_OUTPUT"; echo c >> "$GITHUB_STEP_SUMMARY"`)}, "success: success", ""},
		"a directory of its own": {
			[]sim.StepSpec{sh("mkdir sub"), with(sh("basename $PWD"), func(s *sim.StepSpec) { s.WorkingDirectory = "sub" })},
			"success: success success", "sub"},
		"stderr and a last line without an end are output": {
			[]sim.StepSpec{sh("echo e >&2; printf last")}, "success: success", "e\nlast"},
		"a long line is broken": {
			[]sim.StepSpec{sh("head -c 70000 /dev/zero | tr '\\0' x")}, "success: success",
			strings.Repeat("x", 64<<10) + "\n" + strings.Repeat("x", 70000-(64<<10))},
		"a step has its time": {
			[]sim.StepSpec{with(sh("sleep 100"), func(s *sim.StepSpec) { s.Timeout = 20 * time.Millisecond })}, "failure: failure",
			"##[error]The step was stopped after 20ms."},
	} {
		t.Run(name, func(t *testing.T) {
			job, log := newWorld(t, sim.Config{}).job(tc.steps...)
			if got := conclusions(job); got != tc.want {
				t.Errorf("conclusions are %q, want %q", got, tc.want)
			}
			if diff := cmp.Diff(tc.log, output(log)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	w := newWorld(t, sim.Config{})
	job, log := w.job(sh(`echo "$CI $GITHUB_ACTIONS $GITHUB_REPOSITORY $GITHUB_JOB $GITHUB_WORKFLOW $RUNNER_NAME $RUNNER_OS $INHERITED"
echo "$GITHUB_RUN_ID.$GITHUB_RUN_ATTEMPT"
test "$PWD" = "$GITHUB_WORKSPACE" && echo "${GITHUB_WORKSPACE#` + w.dir + `}"
echo "[$` + variable + `]"`))
	want := fmt.Sprintf("true true octo/widgets j w r Linux yes\n%d.1\n/_work/widgets/widgets\n[]", job.RunID)
	if diff := cmp.Diff(want, output(log)); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutBashShRunsTheStep(t *testing.T) {
	w := newWorld(t, sim.Config{})
	id := w.Queue(sim.JobSpec{Name: "j", Labels: []string{"x"}, Steps: []sim.StepSpec{{Run: "echo hello"}}})
	w.run(t.Context(), w.register("r", "x").EncodedJITConfig, func(c *standin.Config) {
		c.LookPath = func(name string) (string, error) {
			if name == "bash" {
				return "", errors.New("not found")
			}
			return "/bin/" + name, nil
		}
	})
	log := strings.Join(w.JobLog(id), "\n")
	if !strings.Contains(log, "there is no bash here, so sh runs the step\nhello") {
		t.Errorf("log is %s", log)
	}
}
