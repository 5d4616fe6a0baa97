package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// watch is the connection that reports whether others have written: SQLite counts what is
// written by other connections than the one that asks
// (https://www.sqlite.org/pragma.html#pragma_data_version).
type watch struct {
	mu   sync.Mutex
	conn *sql.Conn
}

// DataVersion is another number after each change that another Store or process has made.
// It reads no record, and costs next to nothing.
func (s *Store) DataVersion(ctx context.Context) (version int64, err error) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if s.watch.conn == nil {
		if s.watch.conn, err = s.reads.Conn(ctx); err != nil {
			return 0, named(err)
		}
	}
	if err = s.watch.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		_ = s.watch.conn.Close() // the next call takes another one
		s.watch.conn = nil
	}
	return version, named(err)
}

// close lets the connection go.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}
