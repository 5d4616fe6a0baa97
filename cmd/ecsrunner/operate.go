package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

func newPause() *cobra.Command {
	var src source
	var why reason
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Launch no runners until the fleet is resumed",
		Long: `Launch no runners until the fleet is resumed. Jobs that have a runner go on. New
ones are recorded as usual and wait, in their order and with your reason; GitHub
gives a queued job up after 24 hours. Pausing a fleet that is paused changes the
reason, if one is given.`,
		Example: `  ecsrunner pause --stack ecsrunner-fleet --reason "moving to other subnets"`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := why.operator(cmd)
			if err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			result, err := operator.Pause(cmd.Context(), by)
			if err != nil || src.json {
				return errors.Join(err, jsonIf(cmd, src.json && err == nil, result))
			}
			verb := "is paused"
			if result.Already {
				verb = "was paused already, since " + day(result.PausedAt)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "fleet %s %s (%s); %s; `ecsrunner resume` launches again\n", result.FleetName, verb, readable.Plain(result.Reason), waiting(result.Waiting))
			return nil
		},
	}
	src.flags(cmd)
	cmd.Flags().StringVar(&why.text, "reason", "", "why, as the runs that wait show it (default \""+fleet.PausedByOperator+"\")")
	return cmd
}

func newResume() *cobra.Command {
	var src source
	var why reason
	cmd := &cobra.Command{
		Use:   "resume",
		Short: "Launch runners again",
		Long: `Launch runners again, those first that have waited longest. A job that GitHub has
given up meanwhile gets none. It takes the pause of a drain back too, but not
what the drain took away.`,
		Example: `  ecsrunner resume --stack ecsrunner-fleet`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := why.operator(cmd)
			if err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			result, err := operator.Resume(cmd.Context(), by)
			if err != nil || src.json {
				return errors.Join(err, jsonIf(cmd, src.json && err == nil, result))
			}
			if result.Already {
				fmt.Fprintf(cmd.OutOrStdout(), "fleet %s was not paused\n", result.FleetName)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "fleet %s launches again; %s\n", result.FleetName, waiting(result.Waiting))
			return nil
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	return cmd
}

func newDrain() *cobra.Command {
	var src source
	var now bool
	var why reason
	var consent consent
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Take away all that a fleet has made, so that it can be destroyed",
		Long: `Pause a fleet and take away all that it has made: runners, image builds,
executions, tasks, registrations on GitHub and task definitions. Runners that have
a job may finish it, however long that takes; --now stops them, and GitHub shows
their jobs as cancelled or failed.

Jobs that wait stay queued, on GitHub too. What GitHub does not let the fleet
remove by itself, its webhook, is named with the command that does.

On a terminal it asks before it begins; in a script --yes is needed. --dry-run says
what would be taken away, and changes nothing.

Ctrl-C ends the drain and leaves the fleet paused; drain goes on where it was, and
resume takes the pause back. The exit status is 1 if something is left.`,
		Example: `  ecsrunner drain --stack ecsrunner-fleet --dry-run
  ecsrunner drain --stack ecsrunner-fleet --reason "moving to another account"
  ecsrunner drain --stack ecsrunner-fleet --now --yes && npx cdk destroy`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := why.operator(cmd)
			if err := errors.Join(err, consent.possible(cmd)); err != nil {
				return err
			}
			operator, err := src.operator(cmd.Context())
			if err != nil {
				return err
			}
			if !consent.yes {
				plan, err := operator.PlanDrain(cmd.Context(), now)
				if err != nil {
					return err
				}
				if consent.dryRun {
					return printPlan(cmd, src.json, plan)
				}
				if err := consent.given(cmd, drainQuestion(plan, src.at(plan.FleetName))...); err != nil {
					return err
				}
			}
			result, err := operator.Drain(cmd.Context(), now, by, func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), readable.Plain(line)) })
			if err != nil {
				return err
			}
			if src.json {
				err = printJSON(cmd.OutOrStdout(), result)
			} else {
				err = printDrain(cmd.OutOrStdout(), result)
			}
			if err == nil && !result.Complete() {
				return exitCode(exitFailure)
			}
			return err
		},
	}
	src.flags(cmd)
	why.flag(cmd)
	consent.flags(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "stop runners that have a job, too")
	return cmd
}

func jsonIf(cmd *cobra.Command, wanted bool, v any) error {
	if !wanted {
		return nil
	}
	return printJSON(cmd.OutOrStdout(), v)
}

func waiting(n int) string {
	switch n {
	case 0:
		return "no job waits"
	case 1:
		return "one job waits"
	}
	return fmt.Sprintf("%d jobs wait", n)
}

func printDrain(w io.Writer, r operate.DrainResult) error {
	if r.Already {
		fmt.Fprintf(w, "fleet %s was drained already\n", r.FleetName)
	}
	t := readable.NewTable(w, "TAKEN AWAY", "COUNT")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"runners without a job", r.RunnersEnded}, {"runners and their jobs", r.JobsStopped}, {"image builds", r.Builds}, {"executions", r.Executions},
		{"further tasks", r.Tasks}, {"registrations on GitHub", r.Registrations}, {"task definitions", r.Deleted},
	} {
		t.Row(row.what, row.n)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s in the queue\n", waiting(r.Waiting))
	for _, hook := range r.Hooks {
		fmt.Fprintf(w, "the webhook of %s is yours to remove: %s\n", readable.Plain(hook.Repository), readable.Plain(hook.Command))
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(w, "left: %s: %s\n", readable.Plain(problem.What), readable.Plain(problem.Reason))
	}
	return nil
}
