package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// StartAgain starts the execution of an open runner, if the process that launched it
// died before it did so. An execution that was started already stays as it is.
func (f Fleet) StartAgain(ctx context.Context, runner fleet.Runner) error {
	run, err := f.ReadRun(ctx, runner.RunID)
	if err != nil {
		return err
	}
	return f.Executions.Start(ctx, runner.RunnerID, inputOf(run))
}

// inputOf returns the input of a run's execution.
func inputOf(run fleet.Run) []byte {
	return encode(fleet.Document{Schema: fleet.Schema, RunID: run.RunID, Job: run.Job})
}
