package sweep

import (
	"context"
	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The most that one sweep looks at.
const (
	mostHolds   = 1000
	mostRetries = 200 // of the runs that wait by themselves
)

// retries launches the runs whose next try is due: those that wait by themselves, and
// those that wait for a hold.
func (s *sweep) retries(ctx context.Context) error {
	due, err := s.Fleet.Records.Waiting(ctx, fleet.OwnRetries, fleet.TimeOrder(s.now), mostRetries)
	if err != nil {
		return err
	}
	failed := each(due, func(runID string) error {
		_, err := s.Fleet.Launch(ctx, runID)
		return err
	})
	holds, err := s.Fleet.Records.HoldsBelow(ctx, "", mostHolds)
	if err != nil {
		return errors.Join(failed, err)
	}
	if len(holds) < mostHolds {
		s.holds = map[string]bool{}
		for _, h := range holds {
			s.holds[h.Key] = true
		}
	}
	return errors.Join(failed, each(holds, func(h fleet.Hold) error {
		if len(h.Tries) == 0 && h.Holds(s.Fleet.Deployment) && h.NextTry.After(s.now) {
			return nil // nothing is due
		}
		return s.Fleet.CheckHold(ctx, h)
	}))
}

// credential ends the hold on a credential once GitHub has accepted it: it listed the
// jobs of a repository, or an organization's repositories.
func (s *sweep) credential(ctx context.Context) error {
	if len(s.listed) == 0 && !s.accepted || s.holds != nil && !s.holds[fleet.CredentialHold()] {
		return nil
	}
	return s.Fleet.Over(ctx, []string{fleet.CredentialHold()})
}
