package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// additions are tables and indexes that the previous release does not have and does not need, so it
// can still open the file.
const additions = `
CREATE TABLE IF NOT EXISTS holds (key TEXT PRIMARY KEY, version INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS retries (run_id TEXT PRIMARY KEY, list TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS retries_by_list ON retries (list, at, run_id);
CREATE INDEX IF NOT EXISTS runs_by_status ON runs (status, received_at, run_id);
CREATE INDEX IF NOT EXISTS runs_by_repository ON runs (` + repositoryOf + `, received_at, run_id);
CREATE INDEX IF NOT EXISTS runs_by_class ON runs (` + classOf + `, received_at, run_id);
CREATE TABLE IF NOT EXISTS actions (id TEXT PRIMARY KEY, at TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS actions_by_time ON actions (at, id);
`

// What a record has, as the indexes and the queries write it alike: SQLite uses an index
// only for the very expression that it is made by.
const (
	repositoryOf = "lower(json_extract(record, '$.job.repository'))"
	classOf      = "json_extract(record, '$.class_name')"
)

// Holds reads those of the keys that are there.
func (s *Store) Holds(ctx context.Context, keys []string) (map[string]fleet.Hold, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	args := make([]any, len(keys))
	for i, key := range keys {
		args[i] = key
	}
	found, err := list[fleet.Hold](ctx, s, "holds", "SELECT record FROM holds WHERE key IN (?"+strings.Repeat(", ?", len(keys)-1)+")", args...)
	if err != nil {
		return nil, err
	}
	holds := map[string]fleet.Hold{}
	for _, hold := range found {
		holds[hold.Key] = hold
	}
	return holds, nil
}

const holdsBelow = "SELECT record FROM holds WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"

// HoldsBelow lists up to limit holds whose keys begin with prefix, ordered by key.
func (s *Store) HoldsBelow(ctx context.Context, prefix string, limit int) ([]fleet.Hold, error) {
	return list[fleet.Hold](ctx, s, "holds", holdsBelow, prefix, prefix+string(utf8.MaxRune), limit)
}

// Waiting lists up to limit runs of a list up to an order, in that order.
func (s *Store) Waiting(ctx context.Context, list, upTo string, limit int) ([]string, error) {
	return texts(ctx, s, "waiting runs", "SELECT run_id FROM retries WHERE list = ? AND at <= ? ORDER BY at, run_id LIMIT ?", list, upTo, limit)
}

func writeHold(ctx context.Context, tx *transaction, hold fleet.Hold) error {
	was := hold.Version
	if hold.Over {
		return updated(tx.ExecContext(ctx, "DELETE FROM holds WHERE key = ? AND version = ?", hold.Key, was))
	}
	hold.Version++
	record, err := json.Marshal(hold)
	if err != nil {
		return fmt.Errorf("encode hold %s: %w", hold.Key, err)
	}
	if was == 0 {
		return created(tx.ExecContext(ctx, "INSERT INTO holds (key, version, record) VALUES (?, ?, ?)", hold.Key, hold.Version, string(record)))
	}
	return updated(tx.ExecContext(ctx, "UPDATE holds SET version = ?, record = ? WHERE key = ? AND version = ?", hold.Version, string(record), hold.Key, was))
}

// writeRetry keeps the lists of runs that wait.
func writeRetry(ctx context.Context, tx *transaction, run fleet.Run) error {
	if list, order := run.WaitList(); list != "" {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO retries (run_id, list, at) VALUES (?, ?, ?)", run.RunID, list, order)
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE run_id = ?", run.RunID)
	return err
}
