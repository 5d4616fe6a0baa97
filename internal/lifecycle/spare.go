package lifecycle

import (
	"context"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Spare reports whether a request to GitHub leaves what the claims and ends of all open
// runners may need. Each counts as one that has not registered: who has is in their records,
// which are too many to read here.
func (f Fleet) Spare(ctx context.Context, b fleet.Budget) (bool, error) {
	now := f.Now()
	if !b.Known() || b.Left(now) > b.Reserve(f.MaxRunners, 0) {
		return true, nil
	}
	capacity, err := f.Records.Capacity(ctx)
	return b.Left(now) > b.Reserve(capacity.Open, 0), err
}
