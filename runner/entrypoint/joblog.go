package entrypoint

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// completedVariable names the script that GitHub's runner runs after the last step of a job.
const completedVariable = "ACTIONS_RUNNER_HOOK_JOB_COMPLETED"

// CompletedCommand is the argument by which a program calls JobCompleted in place of Run.
const CompletedCommand = "job-completed"

// logScripts writes the hooks that say in the job's log what the runner is and what it cost.
// dir is where the hook is that asks about the job, which says the first of it then; "" makes
// a directory. own are the variables of the image, whose hooks run before. done removes what
// was made.
func (e entrypoint) logScripts(dir string, log fleet.JobLog, own map[string]string) (environ map[string]string, done func(), err error) {
	done = func() {}
	environ = map[string]string{}
	asks := dir != ""
	if !asks {
		if dir, err = os.MkdirTemp(tempDir(e.Environ), hookDir); err != nil {
			return nil, done, fmt.Errorf("make a directory for the hooks: %w", err)
		}
		made := dir
		done = func() { _ = os.RemoveAll(made) }
	}
	if !asks {
		started := filepath.Join(dir, "job-started.sh")
		if err := writeScript(started, "Says in the job's log what its runner is.", append(append([]string{}, e.Self...), HookCommand, "", own[hookVariable], encoded(log))); err != nil {
			return environ, done, err
		}
		environ[hookVariable] = started
	}
	completed := filepath.Join(dir, "job-completed.sh")
	if err := writeScript(completed, "Says in the job's log what its runner cost.", append(append([]string{}, e.Self...), CompletedCommand, own[completedVariable], encoded(log))); err != nil {
		return environ, done, err
	}
	environ[completedVariable] = completed
	return environ, done, nil
}

func writeScript(path, does string, command []string) error {
	if err := os.WriteFile(path, []byte("#!/bin/sh\n# "+does+"\nexec "+quoted(command)+"\n"), 0o700); err != nil {
		return fmt.Errorf("write a hook: %w", err)
	}
	return nil
}

func encoded(log fleet.JobLog) string {
	text, err := json.Marshal(log)
	if err != nil {
		return ""
	}
	return string(text)
}

func decoded(text string) (log fleet.JobLog, ok bool) {
	return log, json.Unmarshal([]byte(text), &log) == nil && log.RunnerID != ""
}

// describeRunner prints a group, which GitHub shows folded
// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands). jobID
// is the job that the runner has, 0 if that is not known.
func describeRunner(out io.Writer, log fleet.JobLog, jobID int64) {
	run := log.RunID
	if run != "" {
		run += ", unless GitHub gave this runner another job"
	}
	if jobID != 0 {
		run = fleet.RunID(jobID)
	}
	fmt.Fprintf(out, "::group::Runner %s%s\n", harmless(log.RunnerID), priceOf(", ", log))
	for _, line := range [][2]string{
		{"class", strings.TrimSpace(log.ClassName + " " + sizeOf(log))}, {"image", log.Image}, {"digest", log.Digest},
		{"capacity", capacityOf(log)}, {"price", priceOf("", log)}, {"run", run}, {"to explain it", log.Why},
	} {
		if line[1] != "" {
			fmt.Fprintf(out, "%-13s  %s\n", line[0], harmless(line[1]))
		}
	}
	fmt.Fprintln(out, "::endgroup::")
}

func sizeOf(log fleet.JobLog) string {
	if log.CPU == 0 {
		return ""
	}
	return fmt.Sprintf("(%g vCPU, %g GiB, %s)", float64(log.CPU)/1024, float64(log.Memory)/1024, log.Arch)
}

func capacityOf(log fleet.JobLog) string {
	switch log.Provider {
	case fleet.FargateSpot:
		return "Fargate Spot, which may take it back"
	case fleet.Fargate:
		return "Fargate, on demand"
	}
	return string(log.Provider)
}

// priceOf is what a minute costs, "" if that is not known.
func priceOf(before string, log fleet.JobLog) string {
	if log.PerMinute <= 0 {
		return ""
	}
	estimated := ""
	if log.Estimated {
		estimated = " (about: the price of another region)"
	}
	return fmt.Sprintf("%s$%.5f a minute%s", before, log.PerMinute, estimated)
}

// mostOfValue is how many characters of a value are printed.
const mostOfValue = 300

// harmless is a text that GitHub's runner takes for no command and that stays on its line. A
// command begins with :: at the start of a line, or with ##[ anywhere
// (actions/runner ActionCommand.cs).
func harmless(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(fleet.ClipBytes(text, 8*mostOfValue), "?"))
	text = fleet.Clip(text, mostOfValue)
	for _, begins := range []string{"::", "##"} {
		for strings.Contains(text, begins) {
			text = strings.ReplaceAll(text, begins, begins[:1]+" "+begins[1:])
		}
	}
	return text
}

// Hook calls JobStarted or JobCompleted if the arguments of a program begin with their
// commands: each program that calls Run calls Hook before, since its scripts call that program.
func Hook(args, environ []string, stdout io.Writer, now time.Time) (exitCode int, called bool) {
	switch {
	case len(args) > 0 && args[0] == HookCommand:
		return JobStarted(args[1:], environ, stdout), true
	case len(args) > 0 && args[0] == CompletedCommand:
		return JobCompleted(args[1:], environ, stdout, now), true
	}
	return 0, false
}

// JobCompleted is the job-completed hook of a runner, called by the script that Run has
// written. Its arguments are the hook of the base image, "" if it has none, and what the log
// of the job is to say. It returns what the base image's hook returns, which runs first, or 0.
func JobCompleted(args, environ []string, stdout io.Writer, now time.Time) (exitCode int) {
	if len(args) != 2 {
		fmt.Fprintln(stdout, "ecsrunner: the job-completed hook is called by the fleet's entrypoint alone")
		return fleet.ExitUsage
	}
	if args[0] != "" {
		exitCode = runOwnHook("job-completed", args[0], environ, stdout)
	}
	if log, ok := decoded(args[1]); ok {
		sayCost(stdout, log, now)
	}
	return exitCode
}

// sayCost prints what the runner cost so far. Fargate bills by the second, a minute at least
// (https://aws.amazon.com/fargate/pricing/), until the task has stopped.
func sayCost(out io.Writer, log fleet.JobLog, now time.Time) {
	took := now.Sub(log.Since).Round(time.Second)
	if log.Since.IsZero() || took < 0 {
		return
	}
	if log.PerMinute <= 0 {
		say(out, "runner %s was up for %s", harmless(log.RunnerID), took)
		return
	}
	cost := max(took, time.Minute).Minutes() * log.PerMinute
	say(out, "runner %s cost about $%.4f so far: %s at%s; to explain it: %s", harmless(log.RunnerID), cost, took, priceOf(" ", log), harmless(log.Why))
}
