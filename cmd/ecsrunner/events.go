package main

import (
	"cmp"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

func newEvents() *cobra.Command {
	return group("events", "What operators did to a fleet", newEventsList())
}

func newEventsList() *cobra.Command {
	var src source
	var since string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what operators did, the newest first",
		Long: `List what operators did to the fleet, the newest first: who paused, resumed or drained
it, ended a runner, tried a run again, or had an image built or deleted, and why.

BY is whom the system names, not what somebody says of themselves: the user at the other
end of the fleet's control socket on this machine, and the caller's ARN on AWS. What is
stopped with a job is noted before it is stopped. The events are kept as long as the
records of runs.`,
		Example: `  ecsrunner events list --since 24h --stack ecsrunner-fleet
  ecsrunner events list --json --limit 1000 | jq -r '.[] | select(.runner_id) | .by'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > report.MostListed {
				return usagef("--limit %d: use 1 to %d", limit, report.MostListed)
			}
			from, err := timeOf("since", since, time.Now())
			if err != nil {
				return err
			}
			return src.read(cmd.Context(), func(f *opened) error {
				events, err := f.records.Actions(cmd.Context(), from, limit)
				if err != nil {
					return err
				}
				if len(events) == limit {
					cmd.PrintErrf("only the newest %d are listed\n", limit)
				}
				if src.json {
					if events == nil {
						events = []fleet.Action{}
					}
					return printJSON(cmd.OutOrStdout(), events)
				}
				if len(events) == 0 {
					cmd.PrintErrln("no events: no operator has changed the fleet in that time")
					return nil
				}
				return printEvents(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()), events, time.Now())
			})
		},
	}
	src.flags(cmd)
	cmd.Flags().StringVar(&since, "since", "", "only those since then: 90m, 24h, 7d or a date")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many at most")
	return cmd
}

func printEvents(w io.Writer, screen readable.Screen, events []fleet.Action, now time.Time) error {
	list := readable.NewList(w, screen, readable.Column{Name: "WHEN"}, readable.Column{Name: "BY", Least: 12, Drop: 3}, readable.Column{Name: "COMMAND"},
		readable.Column{Name: "ABOUT", Drop: 4}, readable.Column{Name: "REASON", Least: 12, Drop: 2}, readable.Column{Name: "OUTCOME", Least: 12, Drop: 1})
	for _, e := range events {
		list.Row(when(e.At, screen, now), e.By, e.Command, cmp.Or(e.RunnerID, e.RunID, shortImage(e.Image)), e.Reason, e.Outcome)
	}
	return list.Flush()
}
