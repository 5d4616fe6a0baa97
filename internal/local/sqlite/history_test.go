package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
)

// An earlier build wrote a row for each event.
func TestHistoryOfAnEarlierBuildGoesOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	s := open(t, file)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	event := func(id int64) engine.Event {
		return engine.Event{ID: id, Timestamp: at, Type: "TaskStarted", State: "Validate"}
	}
	record := engine.Record{Execution: engine.Execution{Name: "fleet-7-1", Status: engine.Running, StartedAt: at}, Revision: 1}
	if err := s.Executions().Create(t.Context(), record, nil); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO execution_events VALUES ('fleet-7-1', 1, '{"id":1,"timestamp":"2026-03-01T00:00:00Z","type":"TaskStarted","state":"Validate"}')`); err != nil {
		t.Fatal(err)
	}
	record.Revision = 2
	if err := s.Executions().Save(t.Context(), record, []engine.Event{event(2), event(3)}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Executions().History(t.Context(), "fleet-7-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]engine.Event{event(1), event(2), event(3)}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
