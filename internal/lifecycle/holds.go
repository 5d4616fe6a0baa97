package lifecycle

import (
	"context"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Passed records how far a runner has come: holds on what it got past are over, and runs
// that wait for them try again.
func (f Fleet) Passed(ctx context.Context, runner fleet.Runner, passed fleet.Passed) error {
	keys, err := f.shownBy(ctx, runner, passed)
	if err != nil {
		return err
	}
	over, err := f.markOver(ctx, keys, runner.RunnerID, passed)
	if err != nil {
		return err
	}
	return f.launchHeld(ctx, over)
}

// MarkPassed is Passed for callers that must not launch: the sweep launches those runs.
func (f Fleet) MarkPassed(ctx context.Context, runner fleet.Runner, passed fleet.Passed) error {
	keys, err := f.shownBy(ctx, runner, passed)
	if err != nil {
		return err
	}
	_, err = f.markOver(ctx, keys, runner.RunnerID, passed)
	return err
}

// shownBy lists the holds that are over because a runner has come this far.
func (f Fleet) shownBy(ctx context.Context, runner fleet.Runner, passed fleet.Passed) (keys []string, err error) {
	if passed == fleet.PassedJob {
		keys = slices.Clone(runner.Tries) // also those of the run that it was launched for
	}
	if runner.For == "" {
		return keys, nil
	}
	run, known, err := f.Records.Run(ctx, runner.For)
	if err != nil || !known {
		return keys, err
	}
	return append(keys, run.ShownBy(passed, runner.Rung)...), nil
}

// Over records that holds are over for another reason than a runner, and launches runs
// that wait for them. It skips keys without a hold.
func (f Fleet) Over(ctx context.Context, keys []string) error {
	over, err := f.markOver(ctx, keys, "", fleet.PassedJob)
	if err != nil {
		return err
	}
	return f.launchHeld(ctx, over)
}

func (f Fleet) launchHeld(ctx context.Context, holds []fleet.Hold) error {
	for _, hold := range holds {
		if err := f.LaunchHeld(ctx, hold); err != nil {
			return err
		}
	}
	return nil
}

func (f Fleet) markOver(ctx context.Context, keys []string, runnerID string, passed fleet.Passed) (over []fleet.Hold, err error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	found, err := f.Records.Holds(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			continue
		}
		hold, ok, err := f.changeHold(ctx, key, func(h fleet.Hold) (fleet.Hold, bool) { return h.Succeeded(runnerID, passed, f.Now()) })
		if err != nil {
			return nil, err
		}
		if ok {
			over = append(over, hold)
		}
	}
	return over, nil
}

// changeHold reads a hold, calls decide to change it, and writes it. ok is false if
// there is none.
func (f Fleet) changeHold(ctx context.Context, key string, decide func(fleet.Hold) (fleet.Hold, bool)) (now fleet.Hold, ok bool, err error) {
	err = f.change(ctx, func() (fleet.Changes, error) {
		found, err := f.Records.Holds(ctx, []string{key})
		if err != nil {
			return fleet.Changes{}, err
		}
		hold, there := found[key]
		if ok = there; !ok {
			return fleet.Changes{}, nil
		}
		next, changed := decide(hold)
		if now = next; !changed {
			return fleet.Changes{}, nil
		}
		return fleet.Changes{Holds: []fleet.Hold{next}}, nil
	})
	return now, ok, err
}

// LaunchHeld launches as many of the runs that wait for a hold as may try now. It
// forgets a hold that is over and has no waiting runs.
func (f Fleet) LaunchHeld(ctx context.Context, hold fleet.Hold) error {
	now := f.Now()
	most := hold.Free(now)
	if !hold.Holds(f.Deployment) {
		most = fleet.MostAtOnce
	}
	waiting, err := f.Records.Waiting(ctx, hold.Key, fleet.TimeOrder(now), max(1, most))
	if err != nil {
		return err
	}
	if len(waiting) == 0 {
		_, _, err := f.changeHold(ctx, hold.Key, func(h fleet.Hold) (fleet.Hold, bool) {
			h.Over = h.Ended(now) || !h.Holds(f.Deployment) && h.Needs == 1
			return h, h.Over
		})
		return err
	}
	for _, runID := range waiting[:min(most, len(waiting))] {
		if _, err := f.Launch(ctx, runID); err != nil {
			return err
		}
	}
	return nil
}

// mostHeld is how many holds one event, or one look at holds, may concern.
const mostHeld = 20

// JobEnded launches runs that GitHub may have held back until a job of their repository
// ended.
func (f Fleet) JobEnded(ctx context.Context, repository string) error {
	holds, err := f.Records.HoldsBelow(ctx, fleet.IdleHoldsOf(repository), mostHeld)
	if err != nil {
		return err
	}
	for _, h := range holds {
		var changed bool
		hold, ok, err := f.changeHold(ctx, h.Key, func(h fleet.Hold) (next fleet.Hold, _ bool) {
			next, changed = h.AfterJobEnded(f.Now())
			return next, changed
		})
		if err != nil {
			return err
		}
		if ok && changed {
			if err := f.LaunchHeld(ctx, hold); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckHold removes from a hold the runners that no longer try, and launches runs whose
// time has come.
func (f Fleet) CheckHold(ctx context.Context, hold fleet.Hold) error {
	gone := map[string]bool{}
	for _, id := range hold.Tries {
		runner, known, err := f.Records.Runner(ctx, id)
		if err != nil {
			return err
		}
		gone[id] = !known || runner.Phase == fleet.Closed
	}
	now, ok, err := f.changeHold(ctx, hold.Key, func(h fleet.Hold) (fleet.Hold, bool) {
		was := len(h.Tries)
		for _, id := range slices.Clone(h.Tries) {
			if gone[id] {
				h = h.Leave(id)
			}
		}
		return h, len(h.Tries) != was
	})
	if err != nil || !ok {
		return err
	}
	return f.LaunchHeld(ctx, now)
}
