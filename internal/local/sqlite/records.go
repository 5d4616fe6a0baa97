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

// Run reads one run.
func (s *Store) Run(ctx context.Context, runID string) (fleet.Run, bool, error) {
	return one[fleet.Run](ctx, s, "run "+runID, "SELECT record FROM runs WHERE run_id = ?", runID)
}

// Runner reads one runner.
func (s *Store) Runner(ctx context.Context, runnerID string) (fleet.Runner, bool, error) {
	return one[fleet.Runner](ctx, s, "runner "+runnerID, "SELECT record FROM runners WHERE runner_id = ?", runnerID)
}

// Capacity reads the count of open runners; before the first one it is zero.
func (s *Store) Capacity(ctx context.Context) (fleet.Capacity, error) {
	capacity, _, err := one[fleet.Capacity](ctx, s, "capacity", "SELECT record FROM capacity WHERE id = 1")
	return capacity, err
}

const (
	newestRuns    = "SELECT record FROM runs ORDER BY received_at DESC, run_id DESC LIMIT ?"
	newestRunners = "SELECT record FROM runners ORDER BY launched_at DESC, runner_id DESC LIMIT ?"
	runnersOfRun  = "SELECT record FROM runners WHERE run_id = ? ORDER BY launched_at, runner_id"
)

// Runs lists runs, the newest first, at most limit.
func (s *Store) Runs(ctx context.Context, limit int) ([]fleet.Run, error) {
	return list[fleet.Run](ctx, s, "runs", newestRuns, limit)
}

// Runners lists runners, the newest first, at most limit.
func (s *Store) Runners(ctx context.Context, limit int) ([]fleet.Runner, error) {
	return list[fleet.Runner](ctx, s, "runners", newestRunners, limit)
}

// RunnersOf lists the runners launched for a run, in that order.
func (s *Store) RunnersOf(ctx context.Context, runID string) ([]fleet.Runner, error) {
	return list[fleet.Runner](ctx, s, "runners of "+runID, runnersOfRun, runID)
}

// OpenRunners lists the runners that are not closed.
func (s *Store) OpenRunners(ctx context.Context) ([]fleet.Runner, error) {
	return list[fleet.Runner](ctx, s, "open runners", "SELECT record FROM runners WHERE phase <> 'CLOSED' ORDER BY runner_id")
}

// OpenRuns lists up to limit runs that have not ended, the oldest first.
func (s *Store) OpenRuns(ctx context.Context, limit int) ([]fleet.Run, error) {
	return list[fleet.Run](ctx, s, "open runs", `SELECT record FROM runs
		WHERE status NOT IN ('COMPLETED', 'CANCELLED', 'FAILED', 'REFUSED') AND status <> 'GONE' ORDER BY received_at, run_id LIMIT ?`, limit)
}

// UnresolvedRunners lists up to limit runners that took a job which is not known yet,
// the newest first.
func (s *Store) UnresolvedRunners(ctx context.Context, limit int) ([]fleet.Runner, error) {
	return list[fleet.Runner](ctx, s, "unresolved runners", "SELECT record FROM runners WHERE unresolved = 1 ORDER BY launched_at DESC LIMIT ?", limit)
}

// WaitingForRoom lists up to limit runs that wait for room, the oldest first.
func (s *Store) WaitingForRoom(ctx context.Context, limit int) ([]string, error) {
	return texts(ctx, s, "waiting runs", "SELECT run_id FROM runs WHERE waits_for_room = 1 ORDER BY received_at, run_id LIMIT ?", limit)
}

// Write writes all changes or none. It fails with Records.Conflict if a record
// is not at the version that was read.
func (s *Store) Write(ctx context.Context, changes fleet.Changes) error {
	return s.transact(ctx, func(tx *transaction) error {
		for _, run := range changes.Runs {
			if err := writeRun(ctx, tx, run); err != nil {
				return err
			}
		}
		for _, runner := range changes.Runners {
			if err := writeRunner(ctx, tx, runner); err != nil {
				return err
			}
		}
		if changes.Capacity != nil {
			if err := writeCapacity(ctx, tx, *changes.Capacity); err != nil {
				return err
			}
		}
		for _, hold := range changes.Holds {
			if err := writeHold(ctx, tx, hold); err != nil {
				return err
			}
		}
		for _, action := range changes.Actions {
			if err := writeAction(ctx, tx, action); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeRun(ctx context.Context, tx *transaction, run fleet.Run) error {
	was := run.Version
	run.Version++
	record, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("encode run %s: %w", run.RunID, err)
	}
	if err := writeRetry(ctx, tx, run); err != nil {
		return err
	}
	if was == 0 {
		return created(tx.ExecContext(ctx,
			"INSERT INTO runs (run_id, version, status, waits_for_room, received_at, record) VALUES (?, ?, ?, ?, ?, ?)",
			run.RunID, run.Version, run.Status, run.WaitsForRoom, sortable(run.At(fleet.StageReceived)), string(record)))
	}
	return updated(tx.ExecContext(ctx,
		"UPDATE runs SET version = ?, status = ?, waits_for_room = ?, record = ? WHERE run_id = ? AND version = ?",
		run.Version, run.Status, run.WaitsForRoom, string(record), run.RunID, was))
}

func writeRunner(ctx context.Context, tx *transaction, runner fleet.Runner) error {
	was := runner.Version
	runner.Version++
	record, err := json.Marshal(runner)
	if err != nil {
		return fmt.Errorf("encode runner %s: %w", runner.RunnerID, err)
	}
	if was == 0 {
		return created(tx.ExecContext(ctx,
			"INSERT INTO runners (runner_id, version, run_id, phase, unresolved, launched_at, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
			runner.RunnerID, runner.Version, runner.RunID, runner.Phase, runner.Unresolved, sortable(runner.At(fleet.StageLaunched)), string(record)))
	}
	return updated(tx.ExecContext(ctx,
		"UPDATE runners SET version = ?, run_id = ?, phase = ?, unresolved = ?, record = ? WHERE runner_id = ? AND version = ?",
		runner.Version, runner.RunID, runner.Phase, runner.Unresolved, string(record), runner.RunnerID, was))
}

func writeCapacity(ctx context.Context, tx *transaction, capacity fleet.Capacity) error {
	was := capacity.Version
	capacity.Version++
	record, err := json.Marshal(capacity)
	if err != nil {
		return fmt.Errorf("encode capacity: %w", err)
	}
	if was == 0 {
		return created(tx.ExecContext(ctx, "INSERT INTO capacity (id, version, record) VALUES (1, ?, ?)", capacity.Version, string(record)))
	}
	return updated(tx.ExecContext(ctx, "UPDATE capacity SET version = ?, record = ? WHERE id = 1 AND version = ?", capacity.Version, string(record), was))
}

func conflict() error {
	return fleet.Errorf(fleet.RecordsConflict, "a record was changed by somebody else")
}

func created(_ sql.Result, err error) error {
	if isDuplicate(err) {
		return conflict()
	}
	return err
}

func updated(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return conflict()
}

// sortable writes a time so that texts sort as times do.
func sortable(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// one reads the record that a query finds.
func one[T any](ctx context.Context, s *Store, what, query string, args ...any) (record T, ok bool, err error) {
	var text string
	err = s.questions.row(ctx, s.reads, query, args...).Scan(&text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return record, false, nil
	case err != nil:
		return record, false, named(fmt.Errorf("read %s: %w", what, err))
	}
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return record, false, fmt.Errorf("decode %s: %w", what, err)
	}
	return record, true, nil
}

// strings reads the first column of what a query finds.
func texts(ctx context.Context, s *Store, what, query string, args ...any) ([]string, error) {
	rows, err := s.questions.rows(ctx, s.reads, query, args...)
	if err != nil {
		return nil, named(fmt.Errorf("list %s: %w", what, err))
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, named(fmt.Errorf("list %s: %w", what, err))
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		return nil, named(fmt.Errorf("list %s: %w", what, err))
	}
	return found, nil
}

// list reads the records that a query finds.
func list[T any](ctx context.Context, s *Store, what, query string, args ...any) ([]T, error) {
	found, err := texts(ctx, s, what, query, args...)
	if err != nil {
		return nil, err
	}
	records := make([]T, len(found))
	for i, text := range found {
		if err := json.Unmarshal([]byte(text), &records[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", what, err)
		}
	}
	return records, nil
}
