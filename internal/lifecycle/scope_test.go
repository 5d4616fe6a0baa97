package lifecycle_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Names of runners are unique in a repository only: who registers one in another repository
// with the name of a runner of ours must not take that runner from its job.
func TestARunnerOfThatNameInAnotherRepository(t *testing.T) {
	for name, test := range map[string]struct {
		repository string
		ids        [2]int64 // of the runner's repository, and of the job's
		taken      bool
	}{
		"in its own":                      {lifecycletest.Repository, [2]int64{}, true},
		"in another":                      {"octo/hostile", [2]int64{}, false},
		"in another, by its id":           {"octo/hostile", [2]int64{1, 2}, false},
		"in its own, which was renamed":   {"octo/renamed", [2]int64{1, 1}, true},
		"in its own, in capital letters":  {"OCTO/REPO", [2]int64{}, true},
		"in another, whose id is unknown": {"octo/hostile", [2]int64{1, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			own := w.Job(7)
			own.RepositoryID = test.ids[0]
			id := w.Up(own)
			foreign := fleet.Job{
				JobID: 99, Repository: test.repository, RepositoryID: test.ids[1], Private: true, Labels: []string{"self-hosted"},
				Status: fleet.JobInProgress, RunnerName: fleet.RunnerName(id, 1),
			}
			if _, err := w.Fleet().LearnJob(t.Context(), foreign); err != nil {
				t.Fatal(err)
			}
			runner := w.Runner(id)
			if (runner.Took == 99) != test.taken {
				t.Errorf("the runner took %d\n%s", runner.Took, w.State())
			}
			if run := w.Run("job-7"); !test.taken && run.RunnerID != id {
				t.Errorf("the run of its job expects %q", run.RunnerID)
			}
		})
	}
}
