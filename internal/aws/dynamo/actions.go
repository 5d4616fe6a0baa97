package dynamo

import (
	"context"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Actions lists up to limit actions of operators since a time, the newest first. One that
// was written some milliseconds ago may be missing.
func (s *Store) Actions(ctx context.Context, since time.Time, limit int) ([]fleet.Action, error) {
	actions, err := listed(ctx, s, question[fleet.Action]{index: indexNewest, of: listAction, newestFirst: true, limit: limit})
	for i, a := range actions {
		if a.At.Before(since) {
			return actions[:i], err
		}
	}
	return actions, err
}

// actionItem is kept as long as the records that it is about, and has no version: it is
// written under its own id.
func (s *Store) actionItem(action fleet.Action) (item, error) {
	i, err := encode(actionKey(action.ID), action)
	if err != nil {
		return nil, err
	}
	i[attrSince] = since(action.At, action.ID)
	i[indexNewest] = text(listAction)
	s.expire(i)
	return i, nil
}
