package local

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// A stop that only waits for tasks whose jobs are over stops no job, and no operator is
// noted for it.
func TestAJobThatIsOverIsNotStopped(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	over, runs := fleet.NewRun(fleet.Job{JobID: 7}, time.Now()), fleet.NewRun(fleet.Job{JobID: 8}, time.Now())
	over.Status, runs.Status = fleet.RunCompleted, fleet.RunRunning
	if err := store.Write(t.Context(), fleet.Changes{Runs: []fleet.Run{over, runs}}); err != nil {
		t.Fatal(err)
	}
	f := &Fleet{store: store}
	for sentence, c := range map[string]struct {
		took  int64
		ended bool
	}{
		"its job has ended":             {7, true},
		"its job runs":                  {8, false},
		"its job is not known yet":      {9, false},
		"GitHub has told of no job yet": {0, false},
	} {
		if got := f.jobHasEnded(t.Context(), fleet.Runner{Took: c.took}); got != c.ended {
			t.Errorf("%s: %v, want %v", sentence, got, c.ended)
		}
	}
}
