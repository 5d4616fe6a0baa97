package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
)

// Executions keeps the engine's executions and their history.
type Executions struct{ store *Store }

// Executions is the part of the database that the engine uses.
func (s *Store) Executions() Executions { return Executions{s} }

var _ engine.Store = Executions{}

// Create adds an execution with its first events.
func (e Executions) Create(ctx context.Context, r engine.Record, events []engine.Event) error {
	return e.store.transact(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO executions (name, revision, status, started_at, record) VALUES (?, ?, ?, ?, ?)",
			r.Name, r.Revision, r.Status, sortable(r.StartedAt), tx.text(r.AppendJSON))
		if isDuplicate(err) {
			return engine.ErrExecutionAlreadyExists
		}
		if err != nil {
			return err
		}
		return addEvents(ctx, tx, r.Name, events)
	})
}

// Save replaces an execution of the revision before and adds events to it.
func (e Executions) Save(ctx context.Context, r engine.Record, events []engine.Event) error {
	return e.store.transact(ctx, func(tx *transaction) error {
		record := tx.text(r.AppendJSON)
		update, args := "UPDATE executions SET revision = ?, status = ?, record = ? WHERE name = ? AND revision = ?", []any{r.Revision, r.Status, record, r.Name, r.Revision - 1}
		if r.Status == engine.Running { // as it was: its place in the index by status stays
			update, args = "UPDATE executions SET revision = ?, record = ? WHERE name = ? AND revision = ?", slices.Delete(args, 1, 2)
		}
		res, err := tx.ExecContext(ctx, update, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("save execution %s: %w", r.Name, engine.ErrConflict)
		}
		return addEvents(ctx, tx, r.Name, events)
	})
}

// addEvents adds the events of one step as one row, by the id of the first: a row each
// would take most of the time of the step.
func addEvents(ctx context.Context, tx *transaction, name string, events []engine.Event) error {
	if len(events) == 0 {
		return nil
	}
	text := tx.text(func(b []byte) []byte { return engine.AppendEvents(b, events) })
	_, err := tx.ExecContext(ctx, "INSERT INTO execution_events (name, id, event) VALUES (?, ?, ?)", name, events[0].ID, text)
	return err
}

// step are the events of one row. Earlier builds wrote a row for each.
type step []engine.Event

func (s *step) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]engine.Event)(s))
	}
	*s = make(step, 1)
	return json.Unmarshal(text, &(*s)[0])
}

// Load reads one execution.
func (e Executions) Load(ctx context.Context, name string) (engine.Record, error) {
	record, ok, err := one[engine.Record](ctx, e.store, "execution "+name, "SELECT record FROM executions WHERE name = ?", name)
	if err == nil && !ok {
		err = fmt.Errorf("execution %s: %w", name, engine.ErrExecutionDoesNotExist)
	}
	return record, err
}

// List reads executions of a status, or of any, the latest started first.
func (e Executions) List(ctx context.Context, status engine.Status, limit int) ([]engine.Record, error) {
	if limit <= 0 {
		limit = -1 // SQLite's "all"
	}
	if status == "" {
		return list[engine.Record](ctx, e.store, "executions", "SELECT record FROM executions ORDER BY started_at DESC, name DESC LIMIT ?", limit)
	}
	return list[engine.Record](ctx, e.store, "executions", "SELECT record FROM executions WHERE status = ? ORDER BY started_at DESC, name DESC LIMIT ?", status, limit)
}

// History reads the events of one execution in their order.
func (e Executions) History(ctx context.Context, name string) ([]engine.Event, error) {
	events, err := e.store.History(ctx, name)
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("execution %s: %w", name, engine.ErrExecutionDoesNotExist)
	}
	return events, err
}

// Execution reads one execution, to be shown.
func (s *Store) Execution(ctx context.Context, name string) (engine.Execution, bool, error) {
	return one[engine.Execution](ctx, s, "execution "+name, "SELECT record FROM executions WHERE name = ?", name)
}

// ExecutionList lists executions, the latest started first.
func (s *Store) ExecutionList(ctx context.Context, limit int) ([]engine.Execution, error) {
	return list[engine.Execution](ctx, s, "executions", "SELECT record FROM executions ORDER BY started_at DESC, name DESC LIMIT ?", limit)
}

// History reads the events of one execution, none if it does not exist.
func (s *Store) History(ctx context.Context, name string) ([]engine.Event, error) {
	steps, err := list[step](ctx, s, "history of "+name, "SELECT event FROM execution_events WHERE name = ? ORDER BY id", name)
	return slices.Concat(steps...), err
}
