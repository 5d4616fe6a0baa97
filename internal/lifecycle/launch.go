package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Launch gives the run a runner if it needs one and there is room. It is the
// only way an execution starts. Repeating it is harmless: a runner that is open
// already only has its StartExecution repeated, by the same name.
func (f Fleet) Launch(ctx context.Context, runID string) (runnerID string, err error) {
	var run fleet.Run
	var res fleet.LaunchResult
	err = f.change(ctx, func() (fleet.Changes, error) {
		var err error
		if run, err = f.ReadRun(ctx, runID); err != nil {
			return fleet.Changes{}, err
		}
		capacity, err := f.Records.Capacity(ctx)
		if err != nil {
			return fleet.Changes{}, err
		}
		res = fleet.Launch(f.Name, f.MaxRunners, run, capacity, f.Now())
		return res.Changes, nil
	})
	if err != nil || res.RunnerID == "" {
		return "", err
	}
	input := encode(fleet.Document{Schema: fleet.Schema, RunID: run.RunID, Job: run.Job})
	return res.RunnerID, f.Executions.Start(ctx, res.RunnerID, input)
}

// LaunchWaiting launches the oldest runs that wait for room, as far as there is
// room.
func (f Fleet) LaunchWaiting(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	room := f.MaxRunners - capacity.Open
	if room <= 0 {
		return nil
	}
	waiting, err := f.Records.WaitingForRoom(ctx, room)
	if err != nil {
		return err
	}
	for _, runID := range waiting {
		if _, err := f.Launch(ctx, runID); err != nil {
			return err
		}
	}
	return nil
}
