package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// StartAgain starts the execution of an open runner, if whoever launched it died
// before that. One that was started already is left as it is.
func (f Fleet) StartAgain(ctx context.Context, runner fleet.Runner) error {
	run, err := f.ReadRun(ctx, runner.RunID)
	if err != nil {
		return err
	}
	return f.Executions.Start(ctx, runner.RunnerID, inputOf(run))
}

// inputOf is what an execution starts with.
func inputOf(run fleet.Run) []byte {
	return encode(fleet.Document{Schema: fleet.Schema, RunID: run.RunID, Job: run.Job})
}
