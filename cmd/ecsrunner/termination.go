package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// termination is what terminate would do to a runner now.
type termination struct {
	FleetName string `json:"fleet_name"`
	RunnerID  string `json:"runner_id"`
	JobID     int64  `json:"job_id,omitempty"`
	JobName   string `json:"job_name,omitempty"`
	Ends      bool   `json:"ends"` // the runner
	Would     string `json:"would"`
}

// planTermination reads what terminate would do. As terminate, it fails for a runner that
// is not known, and without a process of a fleet on this machine.
func planTermination(ctx context.Context, src *source, runnerID string, force bool) (plan termination, err error) {
	err = src.read(ctx, func(f *opened) error {
		if err := isServed(ctx, f); err != nil {
			return err
		}
		settings, err := f.records.Settings(ctx)
		if err != nil {
			return err
		}
		r, known, err := f.records.Runner(ctx, runnerID)
		if err != nil {
			return err
		}
		if !known {
			return report.NotFound{What: "runner", ID: runnerID}
		}
		plan = termination{FleetName: settings.FleetName, RunnerID: runnerID, JobID: r.Took}
		if r.Took != 0 {
			run, _, err := f.records.Run(ctx, fleet.RunID(r.Took))
			if err != nil {
				return err
			}
			plan.JobName = run.Job.Name
		}
		plan.decide(r, force)
		return nil
	})
	return plan, err
}

func (p *termination) decide(r fleet.Runner, force bool) {
	job := fmt.Sprintf("job %d (%s)", p.JobID, p.JobName)
	switch {
	case r.Phase == fleet.Closed:
		p.Would = "it has ended already, and nothing is done"
	case p.JobID != 0 && !force:
		p.Would = "it has " + job + " and is left alone; --force stops it"
	case p.JobID != 0:
		p.Ends, p.Would = true, "it is stopped with "+job+", which GitHub will show as cancelled or failed"
	case force:
		p.Ends, p.Would = true, "it has no job that the fleet knows of; it is deregistered on GitHub and its task is stopped, with a job if GitHub has just given it one"
	default:
		p.Ends, p.Would = true, "it has no job that the fleet knows of; it is deregistered on GitHub and its task is stopped, unless GitHub has just given it a job"
	}
}

func (p *termination) print(cmd *cobra.Command, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), p)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", p.RunnerID, readable.Plain(p.Would))
	cmd.PrintErrln("dry run: nothing was changed")
	return nil
}

// isServed fails with control.ErrNotRunning for a fleet on this machine that has no
// process. On AWS there is always one.
func isServed(ctx context.Context, f *opened) error {
	if f.cloud != nil {
		return nil
	}
	_, err := control.Client{Dir: f.dir}.Health(ctx)
	return err
}
