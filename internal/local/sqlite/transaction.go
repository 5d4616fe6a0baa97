package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// writer is the connection that writes, by the driver's own interface, with the statements
// that SQLite has parsed on it. database/sql would parse BEGIN and COMMIT anew in each
// transaction and start a goroutine for it, which takes as long as a small one. Who has the
// connection has the writer.
type writer struct {
	conn   driver.Conn
	byText map[string]driver.Stmt
	buffer []byte // see text
}

// run runs f in a transaction on what sql.Conn.Raw gives.
func (w *writer) run(ctx context.Context, raw any, f func(*transaction) error) error {
	conn, ok := raw.(driver.Conn)
	if !ok {
		return fmt.Errorf("the driver's connection is a %T", raw)
	}
	if w.conn != conn {
		w.conn, w.byText = conn, map[string]driver.Stmt{}
	}
	tx := &transaction{w}
	_, err := tx.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		err = f(tx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = tx.ExecContext(context.Background(), "COMMIT")
	}
	if err != nil { // it may have begun even if the context ended meanwhile
		_, _ = tx.ExecContext(context.Background(), "ROLLBACK") // SQLite may have done so itself
	}
	return err
}

// forget lets go of the statements. It must be called before database/sql closes the
// connection: SQLite keeps one open that has statements.
func (w *writer) forget() {
	for _, stmt := range w.byText {
		_ = stmt.Close() // of a connection at its end
	}
	clear(w.byText)
}

func (w *writer) close(db *sql.DB) error {
	if w.conn == nil {
		return nil
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(any) error {
		w.forget()
		return nil
	})
}

// prepared is a statement of a constant text.
func (w *writer) prepared(text string) (driver.Stmt, error) {
	if stmt, known := w.byText[text]; known {
		return stmt, nil
	}
	stmt, err := w.conn.Prepare(text)
	if err == nil {
		w.byText[text] = stmt
	}
	return stmt, err
}

// transaction is one under way on the connection that writes.
type transaction struct{ *writer }

// ExecContext runs a statement of a constant text, which is parsed once for all transactions.
func (t *transaction) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := t.prepared(text)
	if err != nil {
		return nil, err
	}
	values, err := valuesOf(args)
	if err != nil {
		return nil, err
	}
	return stmt.(driver.StmtExecContext).ExecContext(ctx, values)
}

// text is what add appends, written into a buffer that is used again.
func (w *writer) text(add func([]byte) []byte) string {
	w.buffer = add(w.buffer[:0])
	return string(w.buffer)
}

// row reads the first row that a query of a constant text finds; found is false if there is
// none. It reads into strings and int64s.
func (t *transaction) row(ctx context.Context, text string, args []any, into ...any) (found bool, err error) {
	stmt, err := t.prepared(text)
	if err != nil {
		return false, err
	}
	values, err := valuesOf(args)
	if err != nil {
		return false, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns := make([]driver.Value, len(into))
	if err := rows.Next(columns); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	for i, column := range columns {
		switch to := into[i].(type) {
		case *string:
			*to, found = column.(string)
		case *int64:
			*to, found = column.(int64)
		}
		if !found {
			return false, fmt.Errorf("%q: column %d is a %T, and %T is to be read", text, i, column, into[i])
		}
	}
	return true, nil
}

// script runs statements that are run once in the life of a file.
func (t *transaction) script(ctx context.Context, text string) error {
	_, err := t.conn.(driver.ExecerContext).ExecContext(ctx, text, nil)
	return err
}

func valuesOf(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return values, nil
}
