package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A transaction that does not end well leaves nothing behind, and the next one can write.
func TestTransactionsThatDoNotEndWell(t *testing.T) {
	failed := errors.New("failed")
	put := func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO cursors (name, value) VALUES (?, ?)", "it", "was here")
		return err
	}
	for name, run := range map[string]func(ctx context.Context, s *Store) error{
		"a function that fails": func(ctx context.Context, s *Store) error {
			return s.transact(ctx, func(tx *transaction) error { return errors.Join(put(ctx, tx), failed) })
		},
		"a statement that SQLite refuses": func(ctx context.Context, s *Store) error {
			return s.transact(ctx, func(tx *transaction) error { return errors.Join(put(ctx, tx), put(ctx, tx)) })
		},
		"a statement that is none": func(ctx context.Context, s *Store) error {
			return s.transact(ctx, func(tx *transaction) error {
				_, err := tx.ExecContext(ctx, "WRITE")
				return errors.Join(put(ctx, tx), err)
			})
		},
		"a context that has ended": func(ctx context.Context, s *Store) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return s.transact(ctx, func(tx *transaction) error { return put(ctx, tx) })
		},
		"a context that ends within": func(ctx context.Context, s *Store) error {
			ctx, cancel := context.WithCancel(ctx)
			return s.transact(ctx, func(tx *transaction) error {
				defer cancel()
				return put(ctx, tx)
			})
		},
		"a function that panics": func(ctx context.Context, s *Store) (err error) {
			defer func() { err, _ = recover().(error) }()
			return s.transact(ctx, func(tx *transaction) error { panic(errors.Join(put(ctx, tx), failed)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), FileName)
			s, err := Open(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for range 2 {
				if err := run(t.Context(), s); err == nil {
					t.Error("no error")
				}
				if value, err := s.Cursor(t.Context(), "it"); value != "" || err != nil {
					t.Fatalf("it left %q, %v", value, err)
				}
				if err := s.PutCursor(t.Context(), "next", "value"); err != nil {
					t.Fatalf("after it: %v", err)
				}
			}
			if err := s.AddRepairs(t.Context(), map[string]int{"cause": 1}); err != nil {
				t.Errorf("after it all: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(file + "-wal"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a connection is still open: the file's log is there (%v)", err)
			}
		})
	}
}
