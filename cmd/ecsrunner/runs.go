package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newRuns() *cobra.Command {
	return group("runs", "The fleet's records of jobs", newRunsList(), newRunsShow())
}

func newRunsList() *cobra.Command {
	var src source
	var runnerID string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, the newest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return src.read(cmd.Context(), func(store *sqlite.Store) error {
				runs, err := report.Runs(cmd.Context(), store)
				if err != nil {
					return err
				}
				runs = ofRunner(runs, runnerID)
				if src.json {
					return printJSON(cmd.OutOrStdout(), runs)
				}
				if len(runs) == 0 {
					cmd.PrintErrln("no runs yet: a run is made when a workflow_job webhook arrives")
					return nil
				}
				return printRuns(cmd.OutOrStdout(), runs)
			})
		},
	}
	src.flags(cmd)
	cmd.Flags().StringVar(&runnerID, "runner-id", "", "only the run of this runner")
	return cmd
}

func ofRunner(runs []report.Run, runnerID string) []report.Run {
	if runnerID == "" {
		return runs
	}
	found := []report.Run{}
	for _, run := range runs {
		if run.RunnerID == runnerID {
			found = append(found, run)
		}
	}
	return found
}

// printRuns shows runs with the times of their stages.
func printRuns(w io.Writer, runs []report.Run) error {
	t := newTable(w, "RUN", "JOB", "STATUS", "CONCLUSION", "CLASS", "IMAGE", "RUNNER", "ADMIT", "IMAGE", "START", "CLAIM", "QUEUE", "JOB", "TOTAL", "REASON")
	for _, r := range runs {
		s := r.Stages
		t.row(r.RunID, r.JobName, r.Status, r.Conclusion, r.ClassName, r.Image, r.RunnerID,
			took(s.Admit), took(s.Image), took(s.Start), took(s.Claim), took(s.Queue), took(s.Job), took(s.Total), r.Reason)
	}
	return t.flush()
}

func newRunsShow() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:   "show <run_id>",
		Short: "Show one run with all its executions as a readable trace",
		Args:  oneArg("run id, as `ecsrunner runs list` prints it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return src.read(cmd.Context(), func(store *sqlite.Store) error {
				details, err := report.ShowRun(cmd.Context(), store, args[0])
				if err != nil {
					return err
				}
				if src.json {
					return printJSON(cmd.OutOrStdout(), details)
				}
				return printRunDetails(cmd.OutOrStdout(), details)
			})
		},
	}
	src.flags(cmd)
	return cmd
}

// oneArg wants exactly one argument and says which.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usagef("%s takes one %s; see `%s --help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}
