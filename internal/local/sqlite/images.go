package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Image returns the record of an image.
func (s *Store) Image(ctx context.Context, tag string) (fleet.ImageRecord, bool, error) {
	return one[fleet.ImageRecord](ctx, s, "image "+tag, "SELECT record FROM images WHERE tag = ?", tag)
}

// PutImage writes an image's record over the version that was read; version 0 makes it.
// It fails with Records.Conflict if another writer was first.
func (s *Store) PutImage(ctx context.Context, image fleet.ImageRecord) error {
	return s.transact(ctx, func(tx *transaction) error {
		was := image.Version
		image.Version++
		record, err := json.Marshal(image)
		if err != nil {
			return fmt.Errorf("encode image %s: %w", image.Tag, err)
		}
		if was == 0 {
			_, err := tx.ExecContext(ctx, "INSERT INTO images (tag, version, built_at, record) VALUES (?, ?, ?, ?)", image.Tag, image.Version, sortable(image.BuiltAt), string(record))
			if isDuplicate(err) {
				return fleet.Errorf(fleet.RecordsConflict, "image %s has a record already", image.Tag)
			}
			return err
		}
		res, err := tx.ExecContext(ctx, "UPDATE images SET version = ?, built_at = ?, record = ? WHERE tag = ? AND version = ?", image.Version, sortable(image.BuiltAt), string(record), image.Tag, was)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fleet.Errorf(fleet.RecordsConflict, "image %s is not at version %d any more", image.Tag, was)
	})
}

// Images lists the images, the last built first.
func (s *Store) Images(ctx context.Context) ([]fleet.ImageRecord, error) {
	return list[fleet.ImageRecord](ctx, s, "images", "SELECT record FROM images ORDER BY built_at DESC, tag")
}

// DeleteImage deletes the record of an image. An unknown image is no error.
func (s *Store) DeleteImage(ctx context.Context, tag string) error {
	return s.exec(ctx, "DELETE FROM images WHERE tag = ?", tag)
}

// JoinBuild notes that a runner waits for an image. If the build has no owner, or the
// owner's lease ran out, the runner becomes the owner, and owner is its
// fleet.BuildOwner. The same runner gets the same owner when it joins again; any other
// runner gets "".
func (s *Store) JoinBuild(ctx context.Context, tag, runnerID string, now time.Time, lease time.Duration) (owner string, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO build_waiters (tag, runner_id) VALUES (?, ?) ON CONFLICT DO NOTHING", tag, runnerID); err != nil {
			return err
		}
		if owner, err = ownerAfter(ctx, tx, tag, runnerID, now); err != nil || owner == "" {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO builds (tag, owner, lease_ms, lease_until) VALUES (?, ?, ?, ?)
			ON CONFLICT (tag) DO UPDATE SET owner = excluded.owner, lease_ms = excluded.lease_ms, lease_until = excluded.lease_until`,
			tag, owner, lease.Milliseconds(), sortable(now.Add(lease)))
		return err
	})
	return owner, err
}

// ownerAfter is the runner's name as the owner of the build that it joins now, "" if
// another runner owns it.
func ownerAfter(ctx context.Context, tx *transaction, tag, runnerID string, now time.Time) (string, error) {
	var was, until string
	locked, err := tx.row(ctx, "SELECT owner, lease_until FROM builds WHERE tag = ?", []any{tag}, &was, &until)
	// The previous release stored an owner's bare id.
	if err == nil && (!locked || until < sortable(now) || was == runnerID) {
		return fleet.BuildOwner(runnerID, now), nil
	}
	if err != nil || !fleet.OwnsBuild(was, runnerID) {
		return "", err
	}
	return was, nil
}

// RenewBuild extends an owner's lease from now on, if it still owns the build.
func (s *Store) RenewBuild(ctx context.Context, tag, owner string, at time.Time) error {
	return s.transact(ctx, func(tx *transaction) error {
		var ms int64
		owns, err := tx.row(ctx, "SELECT lease_ms FROM builds WHERE tag = ? AND owner = ?", []any{tag, owner}, &ms)
		if err != nil || !owns {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE builds SET lease_until = ? WHERE tag = ?", sortable(at.Add(time.Duration(ms)*time.Millisecond)), tag)
		return err
	})
}

// BuildLock is the lock on an image's build, as it is now.
func (s *Store) BuildLock(ctx context.Context, tag string) (lock fleet.BuildLock, err error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT owner, lease_until, runner_id FROM builds JOIN build_waiters USING (tag) WHERE tag = ? ORDER BY runner_id", tag)
	if err != nil {
		return fleet.BuildLock{}, named(fmt.Errorf("read the build of %s: %w", tag, err))
	}
	defer rows.Close()
	for rows.Next() {
		var waiter, until string
		err := rows.Scan(&lock.Owner, &until, &waiter)
		if err == nil {
			lock.Until, err = time.Parse(time.RFC3339Nano, until)
		}
		if err != nil {
			return fleet.BuildLock{}, named(fmt.Errorf("read the build of %s: %w", tag, err))
		}
		lock.Waiters = append(lock.Waiters, waiter)
	}
	if err := rows.Err(); err != nil {
		return fleet.BuildLock{}, named(fmt.Errorf("read the build of %s: %w", tag, err))
	}
	return lock, nil
}

// EndBuild gives up an owner's lock on a build and deletes the list of its waiters.
// Another owner's lock stays.
func (s *Store) EndBuild(ctx context.Context, tag, owner string) error {
	return s.transact(ctx, func(tx *transaction) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM builds WHERE tag = ? AND owner = ?", tag, owner)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM build_waiters WHERE tag = ?", tag)
		return err
	})
}

// Register returns the ARN of a task definition, new or known by its content.
func (s *Store) Register(ctx context.Context, d fleet.TaskDefinition) (string, error) {
	record, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode task definition %s: %w", d.Family(), err)
	}
	err = s.exec(ctx, "INSERT INTO task_definitions (family, record) VALUES (?, ?) ON CONFLICT DO NOTHING", d.Family(), string(record))
	return definitionARN(d.Family()), err
}

// Find returns the ARN that Register gave for a content.
func (s *Store) Find(ctx context.Context, d fleet.TaskDefinition) (arn string, ok bool, err error) {
	arn = definitionARN(d.Family())
	_, ok, err = s.Definition(ctx, arn)
	return arn, ok, err
}

func definitionARN(family string) string { return "local:task-definition/" + family + ":1" }

// Definition is the task definition of an ARN that Register gave.
func (s *Store) Definition(ctx context.Context, arn string) (fleet.TaskDefinition, bool, error) {
	return one[fleet.TaskDefinition](ctx, s, "task definition "+arn, "SELECT record FROM task_definitions WHERE family = ?", fleet.DefinitionFamily(arn))
}
