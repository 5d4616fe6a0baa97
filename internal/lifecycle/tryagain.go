package lifecycle

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TryAgain makes the next try of a run that waits after a setback due now: the run comes
// first among those that wait for the same, and its hold allows one try. It launches
// nothing itself. changed is false for a run that does not wait in this way.
func (f Fleet) TryAgain(ctx context.Context, runID string, by fleet.Action) (run fleet.Run, changed bool, err error) {
	by.RunID = runID
	err = f.change(ctx, func() (fleet.Changes, error) {
		if run, err = f.ReadRun(ctx, runID); err != nil {
			return fleet.Changes{}, err
		}
		if changed = run.Retrying(); !changed {
			return fleet.Changes{}, nil
		}
		setback := *run.Setback
		run.Setback = &setback
		run = run.Trace(by)
		if setback.Hold == "" {
			setback.NextTry = f.Now()
			return fleet.Changes{Runs: []fleet.Run{run}, Actions: []fleet.Action{by}}, nil
		}
		setback.At = time.Unix(0, 0).UTC() // before all others
		changes := fleet.Changes{Runs: []fleet.Run{run}, Actions: []fleet.Action{by}}
		found, err := f.Records.Holds(ctx, []string{setback.Hold})
		if hold, ok := found[setback.Hold]; ok {
			changes.Holds = []fleet.Hold{hold.TryNow(f.Now())}
		}
		return changes, err
	})
	return run, changed, err
}
