package sweep_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// A renamed repository is requested under its present name, and earlier runs are still
// compared with it. Its old name may belong to another repository.
func TestSweepOfARenamedRepository(t *testing.T) {
	w := lifecycletest.New(t)
	before := w.Job(7)
	known(w, before)
	ended := completed(before, "cancelled")
	ended.Repository = "octo/next"
	w.GitHub.Set(ended)
	w.GitHub.Unlisted[7] = true
	another, lost := w.Job(8), w.Job(9)
	lost.Repository = "octo/next"
	w.GitHub.Set(another)
	w.GitHub.Set(lost)
	for i, name := range []string{"octo/repo", "octo/next"} {
		at := w.Now().Add(time.Duration(i) * time.Minute)
		if err := lifecycle.LearnRepository(t.Context(), w.Records, w.Policy(), fleet.Job{Repository: name, RepositoryID: 1, CreatedAt: &at}); err != nil {
			t.Fatal(err)
		}
	}
	w.Pass(10 * time.Minute)
	mustSweep(t, w)
	if run := w.Run("job-7"); run.Status != fleet.RunCancelled {
		t.Errorf("a run of before is not looked at:\n%s", w.State())
	}
	if run := w.Run("job-9"); run.Job.Repository != "octo/next" {
		t.Errorf("a lost webhook is not found:\n%s", w.State())
	}
	if _, ok, err := w.Records.Run(t.Context(), "job-8"); ok || err != nil {
		t.Errorf("a job of another repository with the old name is taken for ours:\n%s", w.State())
	}
}
