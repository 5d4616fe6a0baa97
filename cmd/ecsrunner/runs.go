package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

const runArg = "run id, as `ecsrunner runs list` prints it, or a job's id or URL"

func newRuns() *cobra.Command {
	return group("runs", "The fleet's records of jobs", newRunsList(), newRunsShow(), newRunsRetry())
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
