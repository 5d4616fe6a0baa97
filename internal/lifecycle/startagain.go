package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// StartAgain starts the execution of an open runner, if the process that launched it
// died before it did so. An execution that was started already stays as it is.
func (f Fleet) StartAgain(ctx context.Context, runner fleet.Runner) error {
	if runner.IsWarm() {
		return f.Executions.Start(ctx, runner.RunnerID, encode(runner.Input()))
	}
	run, err := f.ReadRun(ctx, runner.RunID)
	if err != nil {
		return err
	}
	return f.Executions.Start(ctx, runner.RunnerID, inputOf(run))
}

// start starts the execution of the runner that a run expects. That of a warm runner has
// begun, unless the process that launched it died before that.
func (f Fleet) start(ctx context.Context, runnerID string, run fleet.Run) error {
	if _, jobID, ok := fleet.ParseRunnerID(f.Name, runnerID); ok && jobID == 0 {
		runner, err := f.ReadRunner(ctx, runnerID)
		if err != nil {
			return err
		}
		return f.StartAgain(ctx, runner)
	}
	return f.Executions.Start(ctx, runnerID, inputOf(run))
}

// inputOf returns the input of a run's execution.
func inputOf(run fleet.Run) []byte {
	return encode(fleet.Document{Schema: fleet.Schema, RunID: run.RunID, Job: run.Job})
}
