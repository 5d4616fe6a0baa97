package lifecycle

import (
	"context"
	"reflect"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostTold is on how many waiting runs a pause or its end is written. Runs behind them
// show it when their turn comes.
const mostTold = 1000

// Pause makes the fleet launch nothing until Resume. Open runners go on, and runs wait
// with the reason, in their order. It returns the capacity as it was before, which shows
// whether the fleet was already paused: then only the reason is new, if one is given. It
// may be repeated. A pause that changes nothing is not listed; a drain always is.
func (f Fleet) Pause(ctx context.Context, by fleet.Action) (was fleet.Capacity, err error) {
	was, now, err := f.changeCapacity(ctx, by, func(c fleet.Capacity) fleet.Capacity { return c.Pause(by) })
	if err != nil {
		return was, err
	}
	_, err = f.tellWaiting(ctx, now)
	return was, err
}

// Resume takes Pause back. It launches nothing itself: a caller that can launch should
// call LaunchWaiting, as the sweep does within a minute. It returns the capacity as it
// was before, and how many runs waited for the end of the pause. It may be repeated.
func (f Fleet) Resume(ctx context.Context, by fleet.Action) (was fleet.Capacity, waited int, err error) {
	was, now, err := f.changeCapacity(ctx, by, fleet.Capacity.Resume)
	if err != nil {
		return was, 0, err
	}
	waited, err = f.tellWaiting(ctx, now)
	return was, waited, err
}

func (f Fleet) changeCapacity(ctx context.Context, by fleet.Action, decide func(fleet.Capacity) fleet.Capacity) (was, now fleet.Capacity, err error) {
	err = f.change(ctx, func() (fleet.Changes, error) {
		var err error
		if was, err = f.Records.Capacity(ctx); err != nil {
			return fleet.Changes{}, err
		}
		now = decide(was)
		switch changed := !reflect.DeepEqual(now, was); {
		case changed:
			return fleet.Changes{Capacity: &now, Actions: []fleet.Action{by}}, nil
		case by.Command.Ends():
			return fleet.Changes{Actions: []fleet.Action{by}}, nil
		}
		return fleet.Changes{}, nil
	})
	return was, now, err
}

// tellWaiting writes on the runs that wait for room whether the fleet is paused, and
// returns how many it changed.
func (f Fleet) tellWaiting(ctx context.Context, capacity fleet.Capacity) (told int, err error) {
	waiting, err := f.Records.WaitingForRoom(ctx, mostTold)
	if err != nil {
		return 0, err
	}
	for _, runID := range waiting {
		_, changed, err := f.changeRun(ctx, runID, func(run fleet.Run, known bool) (fleet.Run, bool) {
			told, changed := run.TellPause(capacity)
			return told, known && changed
		})
		if err != nil {
			return told, err
		}
		if changed {
			told++
		}
	}
	return told, nil
}
