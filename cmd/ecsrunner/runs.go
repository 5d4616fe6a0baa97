package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/why"
)

const runArg = "run id, as `ecsrunner runs list` prints it, or a job's id or URL"

// runIDOf is the run of the job that is named by its URL or id, or else the text as it is. A
// URL that is of another job than the record with its id is refused.
func (s *source) runIDOf(ctx context.Context, text string) (string, error) {
	subject, err := why.ParseSubject(text)
	switch {
	case err != nil || subject.RunID() == "":
		return text, nil
	case subject.Host == "":
		return subject.RunID(), nil
	}
	return subject.RunID(), s.read(ctx, func(f *opened) error {
		run, known, err := f.records.Run(ctx, subject.RunID())
		if err != nil || !known {
			return err
		}
		if differs := subject.Differs(run.Job); differs != "" {
			return fmt.Errorf("%s: ask the fleet that serves the URL, or name %s if that is the job that you mean", differs, run.RunID)
		}
		return nil
	})
}

func newRuns() *cobra.Command {
	return group("runs", "The fleet's records of jobs", newRunsList(), newRunsShow(), newRunsRetry())
}

func newRunsList() *cobra.Command {
	var src source
	var runnerID string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, the newest first",
		Long: `List runs, the newest first. The last columns are how long each stage took:

  ROOM       it waited for room
  ADMIT      from the launch of its runner until the job was admitted
  IMAGE      until its image was ready
  TASK       until the platform had accepted the task
  CONTAINER  until the container was pulled and ran
  REGISTER   until the runner was registered on GitHub
  JOB        the job itself
  TOTAL      from GitHub queueing the job until its end, or until now

RETRYING is a run whose last runner could not be started, or got no job. The fleet
tries again by itself, at the time that REASON ends with; ` + "`ecsrunner runs show`" + ` says
what makes it sooner, and ` + "`ecsrunner runs retry`" + ` tries now.`,
		Example: `  ecsrunner runs list
  ecsrunner runs list --stack ecsrunner-fleet
  ecsrunner runs list --runner-id fleet-20000000005-1 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return src.read(cmd.Context(), func(f *opened) error {
				runs, none, err := askedRuns(cmd, f.records, runnerID)
				if err != nil {
					return err
				}
				if len(runs) == 0 {
					cmd.PrintErrln(none)
				}
				if src.json {
					return printJSON(cmd.OutOrStdout(), runs)
				}
				return printRuns(cmd.OutOrStdout(), runs)
			})
		},
	}
	src.flags(cmd)
	cmd.Flags().StringVar(&runnerID, "runner-id", "", "only the run that this runner has, or had")
	return cmd
}

// askedRuns are the newest runs, or those of a runner, and what to say if there are none.
func askedRuns(cmd *cobra.Command, records report.Source, runnerID string) (runs []report.Run, none string, err error) {
	if runnerID == "" {
		runs, err = report.Runs(cmd.Context(), records, time.Now())
		tellIfCut(cmd, len(runs))
		return runs, "no runs yet: a run is made when a workflow_job webhook arrives", err
	}
	runs, runner, err := report.RunsOfRunner(cmd.Context(), records, runnerID, time.Now())
	return runs, fmt.Sprintf("runner %s has no run now; it was launched for %s", runnerID, runner.RunID), err
}

// printRuns shows runs with the times of their stages, and nothing if there are none.
func printRuns(w io.Writer, runs []report.Run) error {
	if len(runs) == 0 {
		return nil
	}
	columns := []string{"RUN", "JOB NAME", "STATUS", "CONCLUSION", "CLASS", "RUNS IN", "RUNNER", "ROOM", "ADMIT", "IMAGE", "TASK", "CONTAINER", "REGISTER", "JOB", "TOTAL"}
	reasons := slices.ContainsFunc(runs, func(r report.Run) bool { return r.Reason != "" })
	if reasons {
		columns = append(columns, "REASON")
	}
	t := readable.NewTable(w, columns...)
	for _, r := range runs {
		s := r.Stages
		cells := []any{
			r.RunID, clip(r.JobName), r.Status, r.Conclusion, r.ClassName, clip(shortImage(r.Image)), r.RunnerID,
			readable.Took(s.Room), readable.Took(s.Admit), readable.Took(s.Image), readable.Took(s.Task), readable.Took(s.Container), readable.Took(s.Register), readable.ByGitHub(s.Job), readable.Took(s.Total),
		}
		if reasons {
			cells = append(cells, r.Reason+nextTry(r))
		}
		t.Row(cells...)
	}
	return t.Flush()
}

// nextTry says when a run is tried again, "" unless it is RETRYING.
func nextTry(r report.Run) string {
	switch {
	case r.Retry == nil:
		return ""
	case len(r.Retry.Trying) > 0:
		return "; " + strings.Join(r.Retry.Trying, ", ") + " is trying whether that is over"
	case r.Retry.Next.IsZero():
		return "; the next try is soon"
	}
	return "; the next try is at " + r.Retry.Next.Local().Format(time.TimeOnly)
}

func newRunsRetry() *cobra.Command {
	var src source
	var why reason
	cmd := &cobra.Command{
		Use:   "retry <run_id | job URL | job id>",
		Short: "Try now to give a RETRYING run its runner",
		Long: `Try now to give a RETRYING run its runner, without waiting for the next try. It comes
first among the runs that wait for the same. The fleet tries all of them again by
itself: retry is for when you have mended the cause.

The exit status is 1 if the run does not wait for a next try; the output says why.`,
		Example: `  ecsrunner runs retry job-20000000005
  ecsrunner runs retry job-20000000005 --stack ecsrunner-fleet`,
		Args: oneArg(runArg),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := why.operator(cmd)
			if err != nil {
				return err
			}
			runID, err := src.runIDOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			result, err := operator.Retry(cmd.Context(), runID, by)
			if err == nil && src.json {
				err = printJSON(cmd.OutOrStdout(), result)
			}
			if err != nil {
				return err
			}
			if !result.Retry {
				if !src.json {
					fmt.Fprintf(cmd.OutOrStdout(), "run %s is %s: %s\n", result.RunID, result.Status, readable.Plain(result.Message))
				}
				return exitCode(exitFailure)
			}
			if !src.json {
				fmt.Fprintf(cmd.OutOrStdout(), "run %s is tried now; it waited for: %s\n", result.RunID, readable.Plain(result.Reason))
			}
			return nil
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	return cmd
}

func newRunsShow() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "show <run_id | job URL | job id>",
		Short: "Show one run with all its executions as a readable trace",
		Long: `Show one run with all its executions as a readable trace: the states that each
runner went through, how long it stayed, and what was decided there.

On AWS the trace is the history in Step Functions, which keeps it for 90 days, with
a link to the AWS console for each execution.`,
		Example: `  ecsrunner runs show job-20000000005
  ecsrunner runs show job-20000000005 --stack ecsrunner-fleet`,
		Args: oneArg(runArg),
		RunE: func(cmd *cobra.Command, args []string) error {
			runID, err := src.runIDOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return show(cmd, &src, func(ctx context.Context, f *opened) (report.RunDetails, error) {
				details, err := report.ShowRun(ctx, f.records, runID, time.Now())
				if err == nil && f.cloud != nil {
					tellOfMissing(cmd, f.cloud, details)
				}
				return details, err
			}, func(w io.Writer, d report.RunDetails) error { return readable.RunDetails(w, d, time.Local) })
		},
	}
	src.flags(cmd)
	return cmd
}

// tellOfMissing says which executions are not shown, and why.
func tellOfMissing(cmd *cobra.Command, c *cloud, d report.RunDetails) {
	if len(d.Runners) == len(d.Executions) {
		return
	}
	if _, err := c.value(stateMachine); err != nil {
		cmd.PrintErrf("no executions are shown: %v\n", err)
		return
	}
	for _, runner := range d.Runners {
		if !slices.ContainsFunc(d.Executions, func(e report.Execution) bool { return e.Name == runner.RunnerID }) {
			cmd.PrintErrf("execution %s is not shown: Step Functions has none of that name, or forgot it 90 days after its end\n", runner.RunnerID)
		}
	}
}
