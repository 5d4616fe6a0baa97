package sqlite

import (
	"context"
	"fmt"
	"time"
)

// forgotten is how many records one transaction deletes: other writers wait for it.
const forgotten = 500

// Forget deletes runs, runners, executions and actions that began before a time and are
// over, a bounded number of each. It reports whether there are more. The file does not shrink:
// new records use the free room.
func (s *Store) Forget(ctx context.Context, before time.Time) (more bool, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		for _, delete := range []string{
			"DELETE FROM execution_events WHERE name IN (SELECT name FROM executions WHERE started_at < ? AND status <> 'RUNNING' ORDER BY started_at, name LIMIT ?)",
			"DELETE FROM executions WHERE name IN (SELECT name FROM executions WHERE started_at < ? AND status <> 'RUNNING' ORDER BY started_at, name LIMIT ?)",
			"DELETE FROM runners WHERE runner_id IN (SELECT runner_id FROM runners WHERE launched_at < ? AND phase = 'CLOSED' AND unresolved = 0 ORDER BY launched_at, runner_id LIMIT ?)",
			"DELETE FROM retries WHERE run_id IN (SELECT run_id FROM runs WHERE received_at < ? AND status IN ('COMPLETED', 'CANCELLED', 'GONE', 'REFUSED') ORDER BY received_at, run_id LIMIT ?)",
			"DELETE FROM runs WHERE run_id IN (SELECT run_id FROM runs WHERE received_at < ? AND status IN ('COMPLETED', 'CANCELLED', 'GONE', 'REFUSED') ORDER BY received_at, run_id LIMIT ?)",
			"DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE at < ? ORDER BY at, id LIMIT ?)",
		} {
			result, err := tx.ExecContext(ctx, delete, sortable(before), forgotten)
			if err != nil {
				return fmt.Errorf("forget old records: %w", err)
			}
			if n, err := result.RowsAffected(); err == nil && n >= forgotten {
				more = true
			}
		}
		return nil
	})
	return more, err
}
