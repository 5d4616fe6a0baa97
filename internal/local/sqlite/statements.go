package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// statements are questions that SQLite has parsed, by their text: to parse one takes longer
// than to answer it. Only texts of which there are few belong here.
type statements struct{ byText sync.Map }

// mostArguments bounds the texts of one question that asks for as many records as it has
// arguments.
const mostArguments = 16

// prepared is the statement of a text, nil if it cannot be prepared: then it fails where it
// is asked.
func (s *statements) prepared(db *sql.DB, text string) *sql.Stmt {
	if known, ok := s.byText.Load(text); ok {
		return known.(*sql.Stmt)
	}
	stmt, err := db.PrepareContext(context.Background(), text)
	if err != nil {
		return nil
	}
	if first, known := s.byText.LoadOrStore(text, stmt); known {
		_ = stmt.Close() // another caller was first
		return first.(*sql.Stmt)
	}
	return stmt
}

// row asks a question that has one row at most.
func (s *statements) row(ctx context.Context, db *sql.DB, text string, args ...any) *sql.Row {
	if stmt := s.prepared(db, text); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return db.QueryRowContext(ctx, text, args...)
}

// rows asks a question that has many rows.
func (s *statements) rows(ctx context.Context, db *sql.DB, text string, args ...any) (*sql.Rows, error) {
	if len(args) <= mostArguments {
		if stmt := s.prepared(db, text); stmt != nil {
			return stmt.QueryContext(ctx, args...)
		}
	}
	return db.QueryContext(ctx, text, args...)
}
