package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/task"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newRunnersLogs() *cobra.Command {
	var src source
	var following bool
	cmd := &cobra.Command{
		Use:   "logs <runner_id | job URL | run_id>",
		Short: "Print what one runner wrote",
		Long: `Print what one runner wrote, from its beginning: the claim, the runner program,
and on a simulated GitHub the job's steps. On AWS it comes from CloudWatch Logs, some
seconds after it was written. On one machine it is a file; one that was cut at its
limit says so in its last line.

With --follow it waits for the runner to start, goes on while it runs, and ends with
its task, or with Ctrl-C. On a terminal what would not print is left out; a pipe or
file gets every byte.`,
		Example: `  ecsrunner runners logs fleet-20000000005-1
  ecsrunner runners logs fleet-20000000005-1 --stack ecsrunner-fleet --follow`,
		Args: oneArg(runnerArg),
		RunE: func(cmd *cobra.Command, args []string) error {
			if following && src.json {
				return usagef("--json prints a log when it has ended: leave out --follow")
			}
			return src.readWithout(cmd.Context(), func(f *opened) error {
				runnerID, err := runnerIDIn(cmd.Context(), f, args[0])
				if err != nil {
					return err
				}
				log, err := logOf(cmd.Context(), f, runnerID)
				if err != nil {
					return err
				}
				switch out := cmd.OutOrStdout(); {
				case src.json:
					return printLogJSON(cmd.Context(), out, runnerID, log)
				case following:
					return follow(cmd.Context(), log, linesTo(out, isTerminal(out)), sleep)
				default:
					_, err := log.read(cmd.Context(), true, linesTo(out, isTerminal(out)))
					return err
				}
			})
		},
	}
	src.flags(cmd)
	cmd.Flags().BoolVarP(&following, "follow", "f", false, "go on until the runner's task has stopped")
	return cmd
}

// liveLog is a runner's or a build's output, on any platform.
type liveLog struct {
	// read hands on the lines that are new since the last call and counts them. In the
	// final call there must be a log, and a last line without an end counts as one.
	read func(ctx context.Context, final bool, line func(string) error) (int, error)
	// over reports whether no more is written.
	over func(context.Context) (bool, error)

	pace time.Duration // between two looks
	late int           // how many looks without lines end the log of a runner that is over
}

// logOf finds a runner's log.
func logOf(ctx context.Context, f *opened, runnerID string) (liveLog, error) {
	if f.cloud == nil {
		return logFile(f, runnerID)
	}
	return logStream(ctx, f, runnerID)
}

// logStream is the log of a runner on AWS. CloudWatch shows lines, the last ones too,
// some seconds after they were written.
func logStream(ctx context.Context, f *opened, runnerID string) (liveLog, error) {
	if _, err := f.cloud.value(recordsTable); err != nil {
		return liveLog{}, err
	}
	group, err := f.cloud.value(runnerLogs)
	if err != nil {
		return liveLog{}, err
	}
	runner, err := report.ShowRunner(ctx, f.records, runnerID)
	if err != nil {
		return liveLog{}, err
	}
	late := 3
	if stopped := runner.Times[fleet.StageTaskStopped]; !stopped.IsZero() && time.Since(stopped) > time.Minute {
		late = 1
	}
	var stream *logs.Stream
	return liveLog{
		read: func(ctx context.Context, final bool, line func(string) error) (int, error) {
			if stream == nil && runner.TaskARN != "" {
				stream = f.cloud.logs(group, runner.TaskARN)
			}
			if stream == nil {
				return 0, noLog(runner, final)
			}
			n, err := stream.Read(ctx, line)
			if errors.As(err, new(logs.NoStream)) {
				err = noLog(runner, final)
			}
			return n, err
		},
		over: func(ctx context.Context) (bool, error) {
			now, err := report.ShowRunner(ctx, f.records, runnerID)
			if err == nil {
				runner = now
			}
			return hasEnded(now), err
		},
		pace: 2 * time.Second, late: late,
	}, nil
}

// noLog says why a runner on AWS has no log. That is an error only at the end.
func noLog(r report.Runner, final bool) error {
	switch {
	case !final:
		return nil
	case r.TaskARN == "" && hasEnded(r):
		return fmt.Errorf("runner %s has no log: it had no task", r.RunnerID)
	case r.TaskARN == "":
		return fmt.Errorf("runner %s has no log yet: it has no task yet; --follow waits for it", r.RunnerID)
	case hasEnded(r):
		return fmt.Errorf("runner %s has no log: its container never started, or the log is older than the log group keeps it", r.RunnerID)
	}
	return fmt.Errorf("runner %s has no log yet: its task is %s; --follow waits for it", r.RunnerID, r.TaskStatus)
}

func hasEnded(r report.Runner) bool {
	return r.TaskStatus == fleet.TaskStopped || r.Phase == fleet.Closed
}

// logFile is the log of a runner on this machine.
func logFile(f *opened, runnerID string) (liveLog, error) {
	path, err := task.LogPath(f.dir, runnerID)
	if err != nil {
		return liveLog{}, usageError{err}
	}
	var at int64
	return liveLog{
		read: func(_ context.Context, final bool, line func(string) error) (n int, err error) {
			n, at, err = readFile(path, at, final, line)
			if errors.Is(err, os.ErrNotExist) {
				err = nil
				if final {
					err = fmt.Errorf("runner %s has no log: its process was never started, its log is older than log_retention_days, or it is not of this fleet", runnerID)
				}
			}
			return n, err
		},
		over: func(ctx context.Context) (bool, error) {
			runner, err := report.ShowRunner(ctx, f.records, runnerID)
			return hasEnded(runner), err
		},
		pace: time.Second / 2, late: 1,
	}, nil
}

// readFile hands on a file's lines from an offset on, and returns where it stopped. It
// leaves a line that has no end yet for the next call, unless this is the final one.
func readFile(path string, from int64, final bool, line func(string) error) (n int, end int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, from, err
	}
	defer file.Close()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return 0, from, err
	}
	for r := bufio.NewReader(file); ; {
		text, err := r.ReadString('\n')
		switch {
		case err == io.EOF && (text == "" || !final):
			return n, from, nil
		case err != nil && err != io.EOF:
			return n, from, err
		}
		from, n = from+int64(len(text)), n+1
		if err := line(strings.TrimSuffix(text, "\n")); err != nil {
			return n, from, err
		}
	}
}

// linesTo writes a runner's lines, which strangers control: to a terminal only what
// prints.
func linesTo(w io.Writer, terminal bool) func(string) error {
	return func(text string) error {
		if terminal {
			text = readable.Plain(text)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}
}

// follow reads a log until it is over and nothing more comes, or until ctx ends, which
// is how people stop it and no error. Wait returns early when ctx ends.
func follow(ctx context.Context, log liveLog, line func(string) error, wait func(context.Context, time.Duration)) error {
	for idle := 0; ; {
		over, err := log.over(ctx) // first: read afterwards what was written before
		n := 0
		if err == nil {
			n, err = log.read(ctx, over && idle+1 >= log.late, line)
		}
		if idle++; n > 0 || !over {
			idle = 0
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil || idle >= log.late:
			return err
		}
		wait(ctx, log.pace)
	}
}

// sleep is wait for a caller that checks the context afterwards.
func sleep(ctx context.Context, d time.Duration) { _ = wait(ctx, d) }

// wholeLog is what a runner wrote.
type wholeLog struct {
	RunnerID string   `json:"runner_id"`
	Lines    []string `json:"lines"`
}

func printLogJSON(ctx context.Context, w io.Writer, runnerID string, log liveLog) error {
	lines := []string{}
	_, err := log.read(ctx, true, func(text string) error { lines = append(lines, text); return nil })
	if err != nil {
		return err
	}
	return printJSON(w, wholeLog{runnerID, lines})
}
