package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// periodCost is the cost of what was looked at.
type periodCost struct {
	looked
	cost.Report
}

func newCost() *cobra.Command {
	var asked period
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Say what jobs cost, and what GitHub's own runners would have cost for them",
		Long: `Say what jobs cost, and what GitHub's own runners would have cost for them.

FARGATE is each task from when the platform accepted it until it stopped, a minute at
least, at the list price of its class, on Spot or on demand as it ran. Every runner is in
it, those too that got no job: one belongs to the job that it took, or else to the one
that it was launched for. Warm runners that had no job belong to their class, repository
and day, or are (idle), and IDLING COST is what the warm ones cost before their jobs.
CONTROL PLANE is the share of Step Functions, Lambda, DynamoDB and the like. GITHUB-HOSTED
is GitHub's cheapest runner that is at least as large, for the time of the job itself,
rounded up to a minute.

For a fleet on one machine it is what the same would cost on Fargate. What the amounts
rest on is on standard error. A bill is another thing: it has your discounts, Spot's real
price, logs and an idle fleet.`,
		Example: `  ecsrunner cost
  ecsrunner cost --by workflow --since 30d --stack ecsrunner-fleet
  ecsrunner cost --by run --since 2026-07-01 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := cost.ParseBy(asked.by)
			if err != nil {
				return usagef("--by %w", err)
			}
			return asked.source.read(cmd.Context(), func(f *opened) error {
				counter, read, err := asked.cost(cmd, f, by)
				if err != nil {
					return err
				}
				read.say(cmd)
				result := counter.Report()
				for _, note := range result.Notes(f.cloud == nil) {
					cmd.PrintErrln(note)
				}
				if asked.json {
					return printJSON(cmd.OutOrStdout(), periodCost{read, result})
				}
				return result.Text(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()))
			})
		},
	}
	asked.flags(cmd, string(cost.ByRepository), "run, repository, workflow, class or day")
	return cmd
}

// cost counts at the prices of the fleet's region.
func (p *period) cost(cmd *cobra.Command, f *opened, by cost.By) (*cost.Counter, looked, error) {
	settings, err := f.records.Settings(cmd.Context())
	if err != nil {
		return nil, looked{}, err
	}
	now := time.Now()
	counter := cost.NewCounter(by, price.In(f.region()), settings.ClassSizes, now, time.Local)
	read, err := p.read(cmd.Context(), f, now, cmd.ErrOrStderr(), counter.Add, func(r fleet.Runner) {
		if r.CountsFor() == "" {
			counter.AddIdle(r)
		}
	})
	return counter, read, err
}

// region is the one whose prices count for the fleet.
func (f *opened) region() string {
	if f.cloud == nil {
		return price.Home
	}
	return f.cloud.config.Region
}
