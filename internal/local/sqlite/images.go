package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Image returns the digest of a built image.
func (s *Store) Image(ctx context.Context, tag string) (digest string, ok bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT digest FROM images WHERE tag = ?", tag).Scan(&digest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return digest, err == nil, named(err)
}

// PutImage records a built image.
func (s *Store) PutImage(ctx context.Context, tag, digest string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO images (tag, digest, built_at) VALUES (?, ?, ?)
		ON CONFLICT (tag) DO UPDATE SET digest = excluded.digest, built_at = excluded.built_at`, tag, digest, sortable(at))
	return named(err)
}

// JoinBuild notes that a runner waits for an image. It owns the build if nobody
// does, if it did before, or if the owner's lease ran out.
func (s *Store) JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner bool, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO build_waiters (tag, runner_id) VALUES (?, ?) ON CONFLICT DO NOTHING", tag, runnerID); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO builds (tag, owner, lease_ms, lease_until) VALUES (?, ?, ?, ?)
			ON CONFLICT (tag) DO UPDATE SET owner = excluded.owner, lease_ms = excluded.lease_ms, lease_until = excluded.lease_until
			WHERE builds.owner = excluded.owner OR builds.lease_until < ?`,
			tag, runnerID, lease.Milliseconds(), sortable(now.Add(lease)), sortable(now))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		owner = n == 1
		return err
	})
	return owner, err
}

// RenewBuild extends the lease of the build's owner from now on.
func (s *Store) RenewBuild(ctx context.Context, tag string, at time.Time) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		var ms int64
		err := tx.QueryRowContext(ctx, "SELECT lease_ms FROM builds WHERE tag = ?", tag).Scan(&ms)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE builds SET lease_until = ? WHERE tag = ?", sortable(at.Add(time.Duration(ms)*time.Millisecond)), tag)
		return err
	})
}

// Waiters lists the runners that joined a build.
func (s *Store) Waiters(ctx context.Context, tag string) ([]string, error) {
	return strings(ctx, s, "waiters of "+tag, "SELECT runner_id FROM build_waiters WHERE tag = ? ORDER BY runner_id", tag)
}

// EndBuild gives up the lock on a build and forgets its waiters.
func (s *Store) EndBuild(ctx context.Context, tag string) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM build_waiters WHERE tag = ?", tag); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM builds WHERE tag = ?", tag)
		return err
	})
}

// Register returns the ARN of a task definition, new or known by its content.
func (s *Store) Register(ctx context.Context, d fleet.TaskDefinition) (string, error) {
	record, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode task definition %s: %w", d.Family(), err)
	}
	_, err = s.db.ExecContext(ctx, "INSERT INTO task_definitions (family, record) VALUES (?, ?) ON CONFLICT DO NOTHING", d.Family(), string(record))
	return "local:task-definition/" + d.Family() + ":1", named(err)
}
