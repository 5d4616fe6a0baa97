// Package sqlite keeps the fleet's records in one SQLite file, in place of the
// DynamoDB table.
//
// It offers no more than that table does: records by key, conditional writes on
// versions, small transactions, and one indexed list per question that is asked. A
// query that needs a join shows that a record is missing.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// FileName is the database's name in a data directory.
const FileName = "fleet.db"

// layout is the version of the tables. A file of an earlier layout is brought up to
// it, and one of a later layout refused.
const layout = 2

// steps bring a file from layout i+1 to the next.
var steps = [layout - 1]string{
	// By-name records of images said nothing that a container engine could use.
	"DROP TABLE images; " + imagesTable,
}

const imagesTable = "CREATE TABLE images (tag TEXT PRIMARY KEY, version INTEGER NOT NULL, built_at TEXT NOT NULL, record TEXT NOT NULL) STRICT;"

const tables = `
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL,
  waits_for_room INTEGER NOT NULL, received_at TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX runs_by_time ON runs (received_at, run_id);
CREATE INDEX runs_waiting ON runs (received_at, run_id) WHERE waits_for_room = 1;
CREATE TABLE runners (
  runner_id TEXT PRIMARY KEY, version INTEGER NOT NULL, run_id TEXT NOT NULL,
  phase TEXT NOT NULL, unresolved INTEGER NOT NULL, launched_at TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX runners_by_time ON runners (launched_at, runner_id);
CREATE INDEX runners_by_run ON runners (run_id, launched_at);
CREATE INDEX runners_unresolved ON runners (launched_at) WHERE unresolved = 1;
CREATE INDEX runners_open ON runners (runner_id) WHERE phase <> 'CLOSED';
CREATE TABLE capacity (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE image_health (image TEXT PRIMARY KEY, version INTEGER NOT NULL, record TEXT NOT NULL) STRICT; -- the release before reads it
CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL) STRICT;
CREATE INDEX runs_open ON runs (received_at, run_id) WHERE status NOT IN ('COMPLETED', 'CANCELLED', 'FAILED', 'REFUSED');
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE repairs (cause TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
` + imagesTable + `
CREATE TABLE builds (tag TEXT PRIMARY KEY, owner TEXT NOT NULL, lease_ms INTEGER NOT NULL, lease_until TEXT NOT NULL) STRICT;
CREATE TABLE build_waiters (tag TEXT NOT NULL, runner_id TEXT NOT NULL, PRIMARY KEY (tag, runner_id)) STRICT;
CREATE TABLE task_definitions (family TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE executions (
  name TEXT PRIMARY KEY, revision INTEGER NOT NULL, status TEXT NOT NULL,
  started_at TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX executions_by_time ON executions (started_at, name);
CREATE INDEX executions_by_status ON executions (status, started_at);
CREATE TABLE execution_events (name TEXT NOT NULL, id INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (name, id)) STRICT;
`

// Store is an open database. It is safe for concurrent use.
//
// One connection writes, and the transactions that wait for it take turns. SQLite would let
// several connections wait by sleeping: up to 100 ms, whoever wakes up first goes next, and
// the transaction that is never first fails after busy_timeout.
type Store struct {
	writes  *sql.DB // one connection; of a Store that only reads as well
	reads   *sql.DB
	written func(error) // see OnWrite; may be nil
	watch   watch

	writer    writer
	questions statements
}

// OnWrite calls told with the result of each transaction: nil, or why the file could
// not be written. Call it before the store is used.
func (s *Store) OnWrite(told func(error)) { s.written = told }

// Open opens the database of a fleet and makes it if it does not exist. The caller must
// ensure that one process at a time writes.
func Open(ctx context.Context, file string) (*Store, error) {
	if err := closeToOthers(file); err != nil {
		return nil, err
	}
	writes, err := connect(file, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"},
	})
	if err != nil {
		return nil, err
	}
	s := &Store{writes: writes}
	if err = s.prepare(ctx); err == nil {
		s.reads, err = connect(file, readers, url.Values{"_pragma": {"busy_timeout(10000)", "query_only(1)"}})
	}
	return s.opened(file, err)
}

// readers is how many connections read, one of them for DataVersion. Each keeps up to 2 MB
// of pages, and all stay open.
const readers = 5

// closeToOthers makes the file and what SQLite keeps beside it readable by its owner
// alone: they have task tokens. SQLite gives the files beside it the file's mode.
func closeToOthers(file string) error {
	made, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	defer made.Close()
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("close %s to others: %w", name, err)
		}
	}
	return nil
}

// OpenReadOnly opens the database to read only, while the fleet writes it or
// afterwards.
func OpenReadOnly(ctx context.Context, file string) (*Store, error) {
	readOnly := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	reads, err := connect(file, readers, readOnly)
	if err != nil {
		return nil, err
	}
	s := &Store{reads: reads}
	if s.writes, err = connect(file, 1, readOnly); err == nil { // SQLite refuses its writes
		err = s.readable(ctx)
	}
	return s.opened(file, err)
}

// connect returns up to most connections to the file, which stay open.
func connect(file string, most int, options url.Values) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

func (s *Store) opened(file string, err error) (*Store, error) {
	if err != nil {
		_ = s.Close() // report the first error
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	return s, nil
}

// readable fails unless the file has this program's layout.
func (s *Store) readable(ctx context.Context) error {
	found, err := layoutOf(ctx, s.reads)
	switch {
	case err != nil:
		return err
	case found != layout:
		return fmt.Errorf("the file has layout %d, and this program reads layout %d: start the fleet once with this program", found, layout)
	}
	return s.hasAdditions(ctx)
}

// layoutOf fails for a layout that this program does not know.
func layoutOf(ctx context.Context, db *sql.DB) (found int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return 0, err
	}
	if found > layout {
		return 0, fmt.Errorf("the file has layout %d, and this program knows layouts up to %d: use a newer one", found, layout)
	}
	return found, nil
}

// prepare brings the file to this program's layout.
func (s *Store) prepare(ctx context.Context) error {
	found, err := layoutOf(ctx, s.writes)
	if err != nil {
		return err
	}
	if found == layout {
		_, err := s.writes.ExecContext(ctx, additions)
		return err
	}
	change := tables
	if found != 0 {
		change = strings.Join(steps[found-1:], "\n")
	}
	change += additions
	return s.transact(ctx, func(tx *transaction) error {
		return tx.script(ctx, change+fmt.Sprintf("\nPRAGMA user_version = %d;", layout))
	})
}

func (s *Store) hasAdditions(ctx context.Context) error {
	var found int
	if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('holds', 'retries', 'runs_by_status', 'runs_by_repository', 'runs_by_class')").Scan(&found); err != nil {
		return err
	}
	if found != 5 {
		return errors.New("the file is of an earlier release: start the fleet once with this program")
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	s.watch.close()
	errs := []error{s.writer.close(s.writes)}
	for _, db := range []*sql.DB{s.reads, s.writes} { // the last to close writes back the log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// transact runs f in one transaction. Errors without a name become
// Records.Unavailable, so that the state machine tries again.
func (s *Store) transact(ctx context.Context, f func(*transaction) error) error {
	err := s.transactOnce(ctx, f)
	if s.written != nil && !errors.Is(err, context.Canceled) {
		var unavailable error
		if fleet.IsNamed(err, fleet.RecordsUnavailable) && !errors.Is(err, engine.ErrExecutionAlreadyExists) && !errors.Is(err, engine.ErrConflict) {
			unavailable = err
		}
		s.written(unavailable)
	}
	return err
}

// exec runs one statement of a constant text in a transaction of its own.
func (s *Store) exec(ctx context.Context, text string, args ...any) error {
	return s.transact(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, text, args...)
		return err
	})
}

func (s *Store) transactOnce(ctx context.Context, f func(*transaction) error) error {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return named(err)
	}
	defer conn.Close()
	return named(conn.Raw(func(raw any) (err error) {
		whole := false
		defer func() {
			if !whole || ctx.Err() != nil { // a panic, or SQLite was interrupted: database/sql closes the connection
				s.writer.forget()
			}
		}()
		err = s.writer.run(ctx, raw, f)
		whole = true
		return err
	}))
}

func named(err error) error {
	if err == nil || fleet.ErrorName(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	return fleet.Errorf(fleet.RecordsUnavailable, "records: %w", err)
}

// isDuplicate reports whether an insert met a record of the same key.
func isDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}
