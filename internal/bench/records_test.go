package bench

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

func TestFillWritesEndedRunsWithTheirRunners(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "data"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const n = atOnce + 1 // more than one transaction
	if err := fill(t.Context(), dir, n, now); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	runs, err := store.Runs(t.Context(), 2*n)
	if err != nil || len(runs) != n {
		t.Fatalf("%d runs (%v), want %d", len(runs), err, n)
	}
	for _, run := range runs {
		if !run.Status.Terminal() || run.At(fleet.StageClosed).After(now) {
			t.Fatalf("%s is %s since %s", run.RunID, run.Status, run.At(fleet.StageClosed))
		}
	}
	if open, err := store.OpenRunners(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("%d open runners (%v)", len(open), err)
	}
	if runner, known, err := store.Runner(t.Context(), runs[0].LastRunner); err != nil || !known || runner.Took != runs[0].Job.JobID {
		t.Errorf("the runner of the newest run is %+v (%t, %v)", runner, known, err)
	}
}
