package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// Cursor reads a place that the sweep has come to, "" if it has not been there.
func (s *Store) Cursor(ctx context.Context, name string) (value string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT value FROM cursors WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, named(err)
}

// PutCursor keeps a place that the sweep has come to.
func (s *Store) PutCursor(ctx context.Context, name, value string) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO cursors (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return named(err)
}

// AddRepairs adds to the counts of repairs.
func (s *Store) AddRepairs(ctx context.Context, repairs map[string]int) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		for cause, n := range repairs {
			_, err := tx.ExecContext(ctx, "INSERT INTO repairs (cause, count) VALUES (?, ?) ON CONFLICT (cause) DO UPDATE SET count = count + excluded.count", cause, n)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Repairs reads how often the sweep repaired what, by cause.
func (s *Store) Repairs(ctx context.Context) (map[string]int, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT cause, count FROM repairs")
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
