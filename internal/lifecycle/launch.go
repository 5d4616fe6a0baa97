package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Launch gives the run a runner if it needs one and there is room. No execution starts
// in any other way. Repeating it is harmless: for a runner that is already open it only
// repeats StartExecution, by the same name.
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
		if run.WaitsForRoom && !run.Wanted() { // or it would be in the way of others
			run.WaitsForRoom = false
			res = fleet.LaunchResult{}
			return fleet.Changes{Runs: []fleet.Run{run}}, nil
		}
		behind, err := f.isBehind(ctx, run, capacity)
		if err != nil {
			return fleet.Changes{}, err
		}
		holds, err := f.Records.Holds(ctx, run.HoldKeys())
		if err != nil {
			return fleet.Changes{}, err
		}
		res = fleet.Launch(fleet.LaunchFacts{
			FleetName: f.Name, MaxRunners: f.MaxRunners, MaxPerRepository: f.MaxPerRepository, KeptForOthers: f.KeptForOthers, Repositories: f.Repositories, Behind: behind, Queue: f.Limits.Queue, Run: run, Capacity: capacity,
			Holds: holds, Deployment: f.Deployment, Now: f.Now(),
		})
		for i := range res.Changes.Runs {
			if res.RunnerID != "" { // it must be found again until its execution is started
				res.Changes.Runs[i].WaitsForRoom, res.Changes.Runs[i].WaitsForShare = run.WaitsForRoom, run.WaitsForShare
			}
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

// lookedAt is how many of the waiting runs are searched for one that has no runner yet:
// the others are already launched and about to leave the list.
const lookedAt = 20

// isBehind reports whether another run waits for room and comes first.
func (f Fleet) isBehind(ctx context.Context, run fleet.Run, capacity fleet.Capacity) (bool, error) {
	waiting, err := f.Records.Waiting(ctx, fleet.RoomList, fleet.LaterOrder, lookedAt)
	if err != nil {
		return false, err
	}
	place := capacity.Place(run, f.MaxPerRepository > 0)
	for _, id := range waiting {
		if id == run.RunID {
			return false, nil
		}
		other, ok, err := f.Records.Run(ctx, id)
		if err != nil {
			return false, err
		}
		if ok && other.RunnerID == "" && other.Wanted() {
			return other.ComesBefore(place), nil
		}
	}
	return false, nil
}

// LaunchWaiting launches the runs that wait for room, in turn, as long as there is room.
// It looks at one more: a run may have got its room from a process that died before it
// started the execution. While the fleet is paused there is no room.
func (f Fleet) LaunchWaiting(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.launchFrom(ctx, fleet.RoomList, capacity.Room(f.MaxRunners, f.Now())+1)
}

// mostPaced is how many runs one event launches that waited for the pace.
const mostPaced = 10

// LaunchPaced launches runs that wait because so many were launched within a minute: the
// sweep alone, which runs once a minute, would leave a part of each minute unused. While
// the fleet launches few, LaunchPaced only reads the capacity.
func (f Fleet) LaunchPaced(ctx context.Context) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil || !capacity.Hurried(f.Now()) {
		return err
	}
	room := capacity.Room(f.MaxRunners, f.Now())
	if room == 0 {
		return nil
	}
	return f.launchFrom(ctx, fleet.RoomList, min(room, mostPaced))
}

// LaunchShare launches the next runs of a repository that had as many runners as it may
// have, or puts them among the runs that wait for room.
func (f Fleet) LaunchShare(ctx context.Context, repository string) error {
	capacity, err := f.Records.Capacity(ctx)
	if err != nil {
		return err
	}
	return f.launchFrom(ctx, fleet.ShareList(repository), capacity.ShareLeft(f.MaxPerRepository, repository)+1)
}

func (f Fleet) launchFrom(ctx context.Context, list string, most int) error {
	waiting, err := f.Records.Waiting(ctx, list, fleet.LaterOrder, most)
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
