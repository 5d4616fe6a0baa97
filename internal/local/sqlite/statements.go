package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// statements are those that SQLite has parsed, by their text: to parse one takes longer
// than to run it. Only constant texts belong here.
type statements struct{ byText sync.Map }

func (s *statements) find(text string) *sql.Stmt {
	found, _ := s.byText.Load(text)
	stmt, _ := found.(*sql.Stmt)
	return stmt
}

// learn prepares statements. One that cannot be prepared fails where it is run.
func (s *statements) learn(db *sql.DB, texts *[]string) {
	for _, text := range *texts {
		if s.find(text) != nil {
			continue
		}
		if stmt, err := db.PrepareContext(context.Background(), text); err == nil {
			if _, known := s.byText.LoadOrStore(text, stmt); known {
				_ = stmt.Close() // another caller was first
			}
		}
	}
}

// row asks a question that has one row at most.
func (s *statements) row(ctx context.Context, db *sql.DB, text string, args ...any) *sql.Row {
	stmt := s.find(text)
	if stmt == nil {
		s.learn(db, &[]string{text})
		if stmt = s.find(text); stmt == nil {
			return db.QueryRowContext(ctx, text, args...)
		}
	}
	return stmt.QueryRowContext(ctx, args...)
}
