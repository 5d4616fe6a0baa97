package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

const runnerArg = "runner id, as `ecsrunner runners list` prints it, or its job's URL or run id"

func newRunners() *cobra.Command {
	return group("runners", "The fleet's runners", newRunnersList(), newRunnersShow(), formerly("details", newRunnersShow()), newRunnersTerminate(), newRunnersLogs())
}

func newRunnersList() *cobra.Command {
	var src source
	var asked runnerFilters
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runners, the newest first",
		Long: `List runners, the newest first. JOB is the id of the job that a runner took,
which need not be the one that it was launched for: GitHub gives a queued job to
any idle runner with its labels. REASON also says which runners are warm, of which pool,
and since when they idle.

Filters are combined. Runners that have not ended, by --open or by --status, and those
since a time are answered by an index, however many runners there are; the others are
looked for among the newest, at most ` + fmt.Sprint(report.MostLookedAt) + ` at a time. If there may be more, the list says how
to go on.`,
		Example: `  ecsrunner runners list --open
  ecsrunner runners list --stack ecsrunner-fleet --status failed --since 24h
  ecsrunner runners list --class large --limit 1000 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := asked.query(time.Now()); err != nil {
				return err
			}
			return src.read(cmd.Context(), func(f *opened) error {
				runners, said, err := asked.find(cmd, f.records, time.Now())
				if err != nil {
					return err
				}
				if src.json {
					err = printJSON(cmd.OutOrStdout(), runners)
				} else {
					err = printRunners(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), runners, time.Now())
				}
				if said != "" {
					cmd.PrintErrln(said)
				}
				return err
			})
		},
	}
	src.flags(cmd)
	asked.flags(cmd)
	return cmd
}

// printRunners lists runners, and writes nothing if there are none.
func printRunners(w io.Writer, screen readable.Screen, runners []report.Runner, now time.Time) error {
	list := readable.NewList(w, screen,
		readable.Column{Name: "RUNNER"}, readable.Column{Name: "LAUNCHED"}, readable.Column{Name: "STATUS"}, readable.Column{Name: "PHASE", Drop: 4},
		readable.Column{Name: "CLASS", Least: 6, Drop: 3}, readable.Column{Name: "IMAGE", Least: 8, Drop: 6}, readable.Column{Name: "JOB", Drop: 1},
		readable.Column{Name: "TASK", Drop: 5}, readable.Column{Name: "REASON", Least: 16, Drop: 2})
	for _, r := range runners {
		if r.Reason == "" {
			r.Reason = r.InPool(day)
		}
		list.Row(r.RunnerID, when(r.Times[fleet.StageLaunched], screen, now), r.Status, r.Phase, r.ClassName, shortImage(r.Image), jobOf(r), r.TaskStatus, r.Reason)
	}
	return list.Flush()
}

func jobOf(r report.Runner) string {
	if r.Took == 0 {
		return ""
	}
	return fmt.Sprint(r.Took)
}

func newRunnersShow() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use:     "show <runner_id | job URL | run_id>",
		Short:   "Show one runner",
		Long:    `Show one runner: its record, how its task ended, and the time of every stage.`,
		Example: `  ecsrunner runners show fleet-20000000005-1`,
		Args:    oneArg(runnerArg),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, &src, func(ctx context.Context, f *opened) (report.Runner, error) {
				runnerID, err := runnerIDIn(ctx, f, args[0])
				if err != nil {
					return report.Runner{}, err
				}
				return report.ShowRunner(ctx, f.records, runnerID)
			}, printRunner)
		},
	}
	src.flags(cmd)
	return cmd
}

func printRunner(w io.Writer, r report.Runner) error {
	exit := r.ContainerReason
	if r.ExitCode != nil {
		exit = fmt.Sprintf("%d: %s", *r.ExitCode, fleet.ExplainExit(*r.ExitCode, r.ContainerReason))
	}
	failure := r.FailureName
	if r.Failure != "" {
		failure += ": " + r.Failure
	}
	readable.Fields(w, [][2]string{
		{"runner", r.RunnerID}, {"pool", r.InPool(day)}, {"run", r.RunID}, {"expected for", r.For}, {"took job", jobOf(r)},
		{"status", string(r.Status)}, {"phase", string(r.Phase)}, {"reason", r.Reason}, {"failure", failure},
		{"repository", r.Repository}, {"labels", strings.Join(r.Labels, ", ")}, {"class", r.ClassName}, {"image", r.Image},
		{"enforce_policy", enforcedOn(r)}, {"task", r.TaskARN}, {"task status", r.TaskStatus}, {"stop code", r.StopCode}, {"stopped", r.StoppedReason}, {"exit", exit},
	})
	for _, stage := range []fleet.Stage{
		fleet.StageLaunched, fleet.StageAdmitted, fleet.StageImageReady, fleet.StageTaskStarted, fleet.StageContainerUp, fleet.StageClaimed,
		fleet.StageRegistered, fleet.StageJobStarted, fleet.StageClosing, fleet.StageTaskStopped, fleet.StageClosed,
	} {
		if at, ok := r.Times[stage]; ok {
			fmt.Fprintf(w, readable.FieldFormat, stage, at.Local().Format("2006-01-02 15:04:05.000"))
		}
	}
	readable.Fields(w, readable.Actions(r.Actions, time.Local))
	return nil
}

// enforcedOn says what enforce_policy has done about a runner's job, "" without it.
func enforcedOn(r report.Runner) string {
	switch {
	case r.Judged != nil && r.Judged.Verdict == fleet.Refused:
		return "ended its job before the first step, by rule " + r.Judged.Rule + ": " + r.Judged.Reason
	case r.Judged != nil:
		return "its job is admitted"
	case r.Hook == fleet.HookMissing:
		return "not enforced: the entrypoint of its image is too old"
	case r.Hook == fleet.HookAsks:
		return "it asks about its job before the first step"
	}
	return ""
}

func newRunnersTerminate() *cobra.Command {
	var src source
	var force bool
	var why reason
	var consent consent
	cmd := &cobra.Command{
		Use:   "terminate <runner_id | job URL | run_id>",
		Short: "End one runner",
		Long: `End one runner: it is deregistered on GitHub, and then its task or process is
stopped. If its job still waits, the next runner is launched for it. One that has
a job is left alone and the exit status is 1; with --force it is stopped too, and
GitHub shows the job as cancelled or failed. A fleet on this machine must be
running.

--force asks on a terminal; in a script --yes is needed. --dry-run says what would be
done, and changes nothing. Who ended the runner, and why, stands on its record and on
that of its run.`,
		Example: `  ecsrunner runners terminate fleet-20000000005-1
  ecsrunner runners terminate fleet-20000000005-1 --force --reason "it hangs" --stack ecsrunner-fleet`,
		Args: oneArg(runnerArg),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := why.operator(cmd)
			if err == nil && force {
				err = consent.possible(cmd)
			}
			if err != nil {
				return err
			}
			runnerID, err := src.runnerIDOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if consent.dryRun || force && !consent.yes {
				plan, err := planTermination(cmd.Context(), &src, runnerID, force)
				if err != nil {
					return err
				}
				if consent.dryRun {
					return plan.print(cmd, src.json)
				}
				if err := consent.given(cmd, "Terminate runner "+runnerID+" of "+src.at(plan.FleetName)+": "+plan.Would+"."); err != nil {
					return err
				}
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			t, err := operator.Terminate(cmd.Context(), runnerID, force, by)
			if err != nil {
				return err
			}
			if !t.Done() {
				return fmt.Errorf("terminate runner %s: %s", runnerID, t.Message)
			}
			if src.json {
				return printJSON(cmd.OutOrStdout(), t)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", t.RunnerID, t.Message)
			return nil
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	consent.flags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "stop it even if it has a job")
	return cmd
}
