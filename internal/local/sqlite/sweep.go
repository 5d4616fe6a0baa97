package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Cursor reads the place where the sweep stopped, "" if it has not been there.
func (s *Store) Cursor(ctx context.Context, name string) (value string, err error) {
	err = s.questions.row(ctx, s.reads, "SELECT value FROM cursors WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, named(err)
}

// PutCursor stores the place where the sweep stopped; "" deletes it.
func (s *Store) PutCursor(ctx context.Context, name, value string) error {
	if value == "" {
		return s.exec(ctx, "DELETE FROM cursors WHERE name = ?", name)
	}
	return s.exec(ctx, "INSERT INTO cursors (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
}

// SwapCursor stores a value if the cursor still has the one that was read, "" if there
// was none. Otherwise it fails with Records.Conflict.
func (s *Store) SwapCursor(ctx context.Context, name, was, value string) error {
	return s.transact(ctx, func(tx *transaction) error {
		query, args := "UPDATE cursors SET value = ? WHERE name = ? AND value = ?", []any{value, name, was}
		if was == "" {
			query, args = "INSERT INTO cursors (value, name) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", []any{value, name}
		}
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fleet.Errorf(fleet.RecordsConflict, "cursor %s has changed", name)
	})
}

// TakeLease takes a lease until a time, or extends it; a time that is over gives it up.
// It reports false if another holder has it.
func (s *Store) TakeLease(ctx context.Context, name, owner string, now, until time.Time) (taken bool, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		var value string
		if _, err := tx.row(ctx, "SELECT value FROM cursors WHERE name = ?", []any{"lease/" + name}, &value); err != nil {
			return err
		}
		ends, holder, held := strings.Cut(value, " ")
		at, err := strconv.ParseInt(ends, 10, 64)
		if taken = !held || err != nil || at <= now.UnixMilli() || holder == owner; !taken {
			return nil
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO cursors (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			"lease/"+name, strconv.FormatInt(until.UnixMilli(), 10)+" "+owner)
		return err
	})
	return taken && err == nil, err
}

// AddRepairs adds to the counts of repairs.
func (s *Store) AddRepairs(ctx context.Context, repairs map[string]int) error {
	return s.transact(ctx, func(tx *transaction) error {
		for cause, n := range repairs {
			_, err := tx.ExecContext(ctx, "INSERT INTO repairs (cause, count) VALUES (?, ?) ON CONFLICT (cause) DO UPDATE SET count = count + excluded.count", cause, n)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Repairs reads the counts of the sweep's repairs, by cause.
func (s *Store) Repairs(ctx context.Context) (map[string]int, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT cause, count FROM repairs")
	if err != nil {
		return nil, named(err)
	}
	defer rows.Close()
	repairs := map[string]int{}
	for rows.Next() {
		var cause string
		var n int
		if err := rows.Scan(&cause, &n); err != nil {
			return nil, named(err)
		}
		repairs[cause] = n
	}
	return repairs, named(rows.Err())
}
