package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Actions lists up to limit actions of operators since a time, the newest first. A file
// of the release before, opened to read only, has none.
func (s *Store) Actions(ctx context.Context, since time.Time, limit int) ([]fleet.Action, error) {
	var tables int
	if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'actions'").Scan(&tables); err != nil || tables == 0 {
		return nil, named(err)
	}
	return list[fleet.Action](ctx, s, "actions", "SELECT record FROM actions WHERE at >= ? ORDER BY at DESC, id DESC LIMIT ?", sortable(since), limit)
}

func writeAction(ctx context.Context, tx *transaction, action fleet.Action) error {
	record, err := json.Marshal(action)
	if err != nil {
		return fmt.Errorf("encode action %s: %w", action.ID, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO actions (id, at, record) VALUES (?, ?, ?)", action.ID, sortable(action.At), string(record))
	return err
}
