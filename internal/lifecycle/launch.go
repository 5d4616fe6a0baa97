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
		if run.WaitsForRoom && !run.Wanted() { // or it would stand in others' way
			run.WaitsForRoom = false
			res = fleet.LaunchResult{}
			return fleet.Changes{Runs: []fleet.Run{run}}, nil
		}
		if older, err := f.olderWaits(ctx, runID); err != nil {
			return fleet.Changes{}, err
		} else if older {
			capacity.Open = max(capacity.Open, f.MaxRunners) // what room there is, is that one's
		}
		holds, err := f.Records.Holds(ctx, run.HoldKeys())
		if err != nil {
			return fleet.Changes{}, err
		}
		res = fleet.Launch(fleet.LaunchFacts{
			FleetName: f.Name, MaxRunners: f.MaxRunners, Queue: f.Limits.Queue, Run: run, Capacity: capacity,
			Holds: holds, Deployment: f.Deployment, Now: f.Now(),
		})
		for i := range res.Changes.Runs {
			// Until its execution is started LaunchWaiting must find it again.
			res.Changes.Runs[i].WaitsForRoom = res.Changes.Runs[i].WaitsForRoom || run.WaitsForRoom
		}
		return res.Changes, nil
	})
	if err != nil || res.RunnerID == "" {
		return "", err
	}
	input := inputOf(run)
	if err := f.Executions.Start(ctx, res.RunnerID, input); err != nil || !run.WaitsForRoom {
		return res.RunnerID, err
	}
	return res.RunnerID, f.change(ctx, func() (fleet.Changes, error) {
		run, err := f.ReadRun(ctx, runID)
		if err != nil || !run.WaitsForRoom || run.RunnerID != res.RunnerID {
			return fleet.Changes{}, err
		}
		run.WaitsForRoom = false
		return fleet.Changes{Runs: []fleet.Run{run}}, nil
	})
}

// lookedAt is how many of the oldest waiting runs are looked at for one that has
// no runner yet: the others are launched already and about to leave the list.
const lookedAt = 20

// olderWaits tells whether another run has waited for room for longer.
func (f Fleet) olderWaits(ctx context.Context, runID string) (bool, error) {
	waiting, err := f.Records.WaitingForRoom(ctx, lookedAt)
	if err != nil {
		return false, err
	}
	for _, id := range waiting {
		if id == runID {
			return false, nil
		}
		older, ok, err := f.Records.Run(ctx, id)
		if err != nil || ok && older.RunnerID == "" && older.Wanted() {
			return err == nil, err
		}
	}
	return false, nil
}

// LaunchWaiting launches the oldest runs that wait for room, as far as there is
// room. It looks at one more: a run may have got its room from somebody who died
// before its execution was started. While the fleet is paused there is no room.
func (f Fleet) LaunchWaiting(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	room := max(0, f.MaxRunners-capacity.Open)
	if capacity.Paused != "" {
		room = 0
	}
	waiting, err := f.Records.WaitingForRoom(ctx, room+1)
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
