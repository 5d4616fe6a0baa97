package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stats"
)

// periodStats are the stats of what was looked at.
type periodStats struct {
	looked
	stats.Stats
}

func newStats() *cobra.Command {
	var asked period
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Say how long jobs wait and in which stage, what became of them, and what fails",
		Long: `Say how long jobs wait and in which stage, what became of them, and what fails.

QUEUE is from GitHub queueing a job until a runner took it, of the jobs that ran; JOB is
the job itself. Percentiles are of the nearest rank, so each is a time that some job had.
OPEN runs have not ended. FRUITLESS runners ended without a job: they failed, or were no
longer needed. A stage counts the jobs that were in it. If warm runners took jobs, those are told
apart from the others, with what became of each pool's runners: LOST IDLE are the ones that
GitHub deleted while they idled.

Days and hours are those of this machine's time zone. How many runs were looked at is on
standard error; ` + "`--json`" + ` has it too, and every group with its own stages and failures.`,
		Example: `  ecsrunner stats
  ecsrunner stats --by repository --since 30d --stack ecsrunner-fleet
  ecsrunner stats --by hour --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := stats.ParseBy(asked.by)
			if err != nil {
				return usagef("--by %w", err)
			}
			return asked.source.read(cmd.Context(), func(f *opened) error {
				now := time.Now()
				counter := stats.NewCounter(by, now, time.Local)
				read, err := asked.read(cmd.Context(), f, now, cmd.ErrOrStderr(), counter.Add, counter.AddWarm)
				if err != nil {
					return err
				}
				read.say(cmd)
				if asked.json {
					return printJSON(cmd.OutOrStdout(), periodStats{read, counter.Stats()})
				}
				return counter.Stats().Text(cmd.OutOrStdout(), screenOf(cmd.OutOrStdout()))
			})
		},
	}
	asked.flags(cmd, string(stats.ByClass), "class, image, repository, workflow, day or hour")
	return cmd
}
