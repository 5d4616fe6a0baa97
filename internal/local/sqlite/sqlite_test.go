package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

func open(t *testing.T, file string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, filepath.Join(t.TempDir(), "fleet.db")) })
}

func TestFileNames(t *testing.T) {
	for _, name := range []string{"plain.db", "with space.db", "what?.db", "a#b%20c.db"} {
		file := filepath.Join(t.TempDir(), name)
		s := open(t, file)
		if err := s.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag", Digest: "digest"}); err != nil {
			t.Fatal(err)
		}
		reader, err := sqlite.OpenReadOnly(t.Context(), file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if image, _, err := reader.Image(t.Context(), "tag"); image.Digest != "digest" || err != nil {
			t.Errorf("%s: read %+v, %v", name, image, err)
		}
		reader.Close()
	}
}

// Whatever the directory's mode: the file has task tokens.
func TestTheFileIsItsOwnersAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	first := open(t, file)
	if err := first.PutImage(t.Context(), fleet.ImageRecord{Tag: "tag"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, file)
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestWritesAreTold(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "fleet.db"))
	var told []error
	s.OnWrite(func(err error) { told = append(told, err) })
	capacity := fleet.Changes{Capacity: &fleet.Capacity{Version: 1}}
	for range 2 { // the second meets another version, and the file is well
		_ = s.Write(t.Context(), capacity)
	}
	for range 2 { // the second is there already
		_ = s.Executions().Create(t.Context(), engine.Record{Execution: engine.Execution{Name: "fleet-7-1"}}, nil)
	}
	s.Close()
	_ = s.Write(t.Context(), capacity)
	if len(told) != 5 || errors.Join(told[:4]...) != nil || !fleet.IsNamed(told[4], fleet.RecordsUnavailable) {
		t.Errorf("told %v", told)
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	if _, err := sqlite.OpenReadOnly(t.Context(), file); err == nil {
		t.Error("a file that there is not was opened for reading")
	}
	open(t, file)
	reader, err := sqlite.OpenReadOnly(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	err = reader.Write(t.Context(), fleet.Changes{Capacity: &fleet.Capacity{Open: 1}})
	if !fleet.IsNamed(err, fleet.RecordsUnavailable) {
		t.Errorf("write through a reader: %v, want %s", err, fleet.RecordsUnavailable)
	}
}

func TestOtherLayoutIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "layout 99") || !strings.Contains(err.Error(), "use a newer one") {
		t.Errorf("open a file of another layout: %v", err)
	}
}

// A fleet's file of the release before is brought up to date with what it holds.
func TestAFileOfTheReleaseBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	s := open(t, file)
	if err := s.PutCursor(t.Context(), "kept", "yes"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`DROP TABLE images; PRAGMA user_version = 1;
		CREATE TABLE images (tag TEXT PRIMARY KEY, digest TEXT NOT NULL, built_at TEXT NOT NULL) STRICT;
		INSERT INTO images VALUES ('tag', 'by-name:base', '2026-11-24')`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := sqlite.OpenReadOnly(t.Context(), file); err == nil || !strings.Contains(err.Error(), "start the fleet once") {
		t.Errorf("open it for reading: %v", err)
	}
	s = open(t, file)
	if kept, err := s.Cursor(t.Context(), "kept"); kept != "yes" || err != nil {
		t.Errorf("what it held is %q, %v", kept, err)
	}
	if _, ok, err := s.Image(t.Context(), "tag"); ok || err != nil {
		t.Errorf("an image by name is still known: %t, %v", ok, err)
	}
}

// The previous release stored the bare id of a build's owner.
func TestAnOwnerOfThePreviousRelease(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fleet.db")
	s, now := open(t, file), time.Unix(1, 0)
	if _, err := s.JoinBuild(t.Context(), "tag", "f-1-1", now, time.Minute); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE builds SET owner = 'f-1-1'"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ runner, owner string }{{"f-2-1", ""}, {"f-1-1", fleet.BuildOwner("f-1-1", now)}} {
		if owner, err := s.JoinBuild(t.Context(), "tag", want.runner, now, time.Minute); err != nil || owner != want.owner {
			t.Errorf("%s owns it as %q, %v, want %q", want.runner, owner, err, want.owner)
		}
	}
}

func TestExecutions(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "fleet.db")).Executions()
	first := engine.Record{Execution: engine.Execution{Name: "a", Status: engine.Running, StartedAt: time.Unix(1, 0).UTC(), Input: []byte("{}")}, Revision: 1, LastEventID: 1}
	if err := s.Create(t.Context(), first, []engine.Event{{ID: 1, Type: "ExecutionStarted"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), first, nil); !errors.Is(err, engine.ErrExecutionAlreadyExists) {
		t.Errorf("created twice: %v", err)
	}
	second := first
	second.Revision, second.Status, second.Token = 2, engine.Succeeded, "a.secret"
	if err := s.Save(t.Context(), second, []engine.Event{{ID: 2, PreviousEventID: 1, Type: "ExecutionSucceeded"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), second, []engine.Event{{ID: 3}}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("saved the same revision twice: %v", err)
	}
	got, err := s.Load(t.Context(), "a")
	if diff := cmp.Diff(second, got); diff != "" || err != nil {
		t.Errorf("loaded, %v (-saved +loaded):\n%s", err, diff)
	}
	if events, err := s.History(t.Context(), "a"); err != nil || len(events) != 2 || events[1].Type != "ExecutionSucceeded" {
		t.Errorf("history %+v, %v", events, err)
	}
	if running, err := s.List(t.Context(), engine.Running, 0); err != nil || len(running) != 0 {
		t.Errorf("running executions %+v, %v; want none", running, err)
	}
	if all, err := s.List(t.Context(), "", 0); err != nil || len(all) != 1 {
		t.Errorf("all executions %+v, %v; want one", all, err)
	}
	if _, err := s.Load(t.Context(), "b"); !errors.Is(err, engine.ErrExecutionDoesNotExist) {
		t.Errorf("load what there is not: %v", err)
	}
	if _, err := s.History(t.Context(), "b"); !errors.Is(err, engine.ErrExecutionDoesNotExist) {
		t.Errorf("history of what there is not: %v", err)
	}
}

// What has ended and is old is deleted; what is open, waits or is young stays.
func TestForget(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "fleet.db"))
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	old, young := now.Add(-91*24*time.Hour), now.Add(-89*24*time.Hour)
	write := func(c fleet.Changes) {
		t.Helper()
		if err := s.Write(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for id, run := range map[string]fleet.Run{
		"job-1": {Status: fleet.RunCompleted, Times: fleet.Times{fleet.StageReceived: old}},
		"job-2": {Status: fleet.RunRefused, Notice: &fleet.Notice{NextTry: old}, Times: fleet.Times{fleet.StageReceived: old}},
		"job-3": {Status: fleet.RunQueued, Times: fleet.Times{fleet.StageReceived: old}},
		"job-4": {Status: fleet.RunCompleted, Times: fleet.Times{fleet.StageReceived: young}},
	} {
		run.RunID = id
		write(fleet.Changes{Runs: []fleet.Run{run}})
	}
	for id, runner := range map[string]fleet.Runner{
		"fleet-1-1": {Phase: fleet.Closed, Times: fleet.Times{fleet.StageLaunched: old}},
		"fleet-2-1": {Phase: fleet.Closed, Unresolved: true, Times: fleet.Times{fleet.StageLaunched: old}},
		"fleet-3-1": {Phase: fleet.Open, Times: fleet.Times{fleet.StageLaunched: old}},
		"fleet-4-1": {Phase: fleet.Closed, Times: fleet.Times{fleet.StageLaunched: young}},
	} {
		runner.RunnerID = id
		write(fleet.Changes{Runners: []fleet.Runner{runner}})
	}
	for name, e := range map[string]engine.Execution{
		"fleet-1-1": {Status: engine.Succeeded, StartedAt: old},
		"fleet-3-1": {Status: engine.Running, StartedAt: old},
		"fleet-4-1": {Status: engine.Failed, StartedAt: young},
	} {
		e.Name = name
		if err := s.Executions().Create(t.Context(), engine.Record{Execution: e}, []engine.Event{{ID: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if more, err := s.Forget(t.Context(), now.Add(-90*24*time.Hour)); more || err != nil {
		t.Errorf("more %t, %v", more, err)
	}
	if waiting, err := s.Waiting(t.Context(), fleet.NoticeList, fleet.LaterOrder, 9); len(waiting) > 0 || err != nil {
		t.Errorf("%q wait for what there is not, %v", waiting, err)
	}
	var left []string
	for id := range 4 {
		if _, ok, err := s.Run(t.Context(), fmt.Sprintf("job-%d", id+1)); ok {
			left = append(left, fmt.Sprintf("job-%d", id+1))
		} else if err != nil {
			t.Error(err)
		}
		name := fmt.Sprintf("fleet-%d-1", id+1)
		if _, ok, err := s.Runner(t.Context(), name); ok {
			left = append(left, name)
		} else if err != nil {
			t.Error(err)
		}
		if events, err := s.Executions().History(t.Context(), name); err == nil && len(events) > 0 {
			left = append(left, "execution "+name)
		}
	}
	want := []string{"fleet-2-1", "job-3", "fleet-3-1", "execution fleet-3-1", "job-4", "fleet-4-1", "execution fleet-4-1"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left is (-want +got):\n%s", diff)
	}
}
