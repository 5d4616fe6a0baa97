package local

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

func TestOldLogsAreRemoved(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{{RunnerID: "fleet-2-1", Phase: fleet.Open}}}); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{
		"logs/fleet-1-1.log": 31 * 24 * time.Hour,
		"logs/fleet-2-1.log": 31 * 24 * time.Hour, // which is open
		"logs/fleet-3-1.log": 29 * 24 * time.Hour,
		"logs/notes.txt":     31 * 24 * time.Hour,
		"builds/old.log":     31 * 24 * time.Hour,
		"builds/young.log":   time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	f := &Fleet{store: store, cfg: Config{DataDir: dir}}
	if err := f.forget(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if n := len(logsIn(t, dir)); n != 6 {
		t.Errorf("with no limit %d files are left", n)
	}
	f.cfg.KeepLogs = 30 * 24 * time.Hour
	if err := f.forget(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if left, want := logsIn(t, dir), []string{"builds/young.log", "logs/fleet-2-1.log", "logs/fleet-3-1.log", "logs/notes.txt"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}

// Records go too, if there is a limit for them, and those of open runners stay.
func TestOldRecordsAreRemoved(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	old := fleet.Times{fleet.StageLaunched: now.Add(-91 * 24 * time.Hour)}
	for _, r := range []fleet.Runner{{RunnerID: "fleet-1-1", Phase: fleet.Closed, Times: old}, {RunnerID: "fleet-2-1", Phase: fleet.Open, Times: old}} {
		if err := store.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{r}}); err != nil {
			t.Fatal(err)
		}
	}
	f := &Fleet{store: store}
	for _, step := range []struct {
		keep time.Duration
		left bool
	}{{0, true}, {92 * 24 * time.Hour, true}, {90 * 24 * time.Hour, false}} {
		f.cfg.KeepRecords = step.keep
		if err := f.forget(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if _, left, err := store.Runner(t.Context(), "fleet-1-1"); left != step.left || err != nil {
			t.Errorf("kept for %s the closed runner is there: %t, %v", step.keep, left, err)
		}
		if _, left, err := store.Runner(t.Context(), "fleet-2-1"); !left || err != nil {
			t.Errorf("the open runner is gone: %v", err)
		}
	}
}

func logsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, folder := range []string{"builds", "logs"} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			names = append(names, folder+"/"+entry.Name())
		}
	}
	return names
}
