package lifecycle_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// Names of runners are unique in a repository only: a runner in another repository with
// the name of a runner of ours must not take that runner from its job.
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
		"in one that took its name":       {lifecycletest.Repository, [2]int64{1, 2}, false},
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

// A runner of an organization may get a job of any of its repositories, and one of an
// enterprise a job of any of its organizations.
func TestARunnerOfASharedPlace(t *testing.T) {
	for at, taken := range map[[2]string]bool{
		{"octo/", "octo/other"}: true, {"octo/", "OCTO/other"}: true, {"octo/", "hostile/repo"}: false,
		{"/corp", "octo/other"}: true, {"/corp", "other/repo"}: true,
	} {
		place, repository := at[0], at[1]
		w := lifecycletest.New(t)
		own := w.Job(7)
		own.RepositoryID = 1
		id := w.Up(own)
		lc := w.Fleet()
		lc.SharedPlace = place
		other := fleet.Job{
			JobID: 99, Repository: repository, RepositoryID: 2, Private: true, Labels: []string{"self-hosted"},
			Status: fleet.JobInProgress, RunnerName: fleet.RunnerName(id, 1),
		}
		if _, err := lc.LearnJob(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if (w.Runner(id).Took == 99) != taken {
			t.Errorf("in %s, a job of %s: the runner took %d\n%s", place, repository, w.Runner(id).Took, w.State())
		}
	}
}

// In the fleet's own repository a stranger may register a runner under the name that
// ours will have.
func TestARunnerOfThatNameThatIsNotTheOneRegistered(t *testing.T) {
	for name, test := range map[string]struct {
		registered int64 // as the claim recorded it
		number     int   // in the name
		by         int64 // the id that GitHub sends with the job
		taken      bool
	}{
		"the one registered":                {21, 2, 21, true},
		"before the claim":                  {0, 2, 21, false},
		"another one":                       {21, 2, 22, false},
		"GitHub does not tell which":        {21, 2, 0, true},
		"an earlier number of the same one": {21, 1, 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Up(w.Job(7))
			w.EditRunner(id, func(r *fleet.Runner) { r.Claims, r.RegistrationID = 2, test.registered })
			job := w.Job(8)
			job.Status, job.RunnerName, job.RunnerID = fleet.JobInProgress, fleet.RunnerName(id, test.number), test.by
			if _, err := w.Fleet().LearnJob(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if runner := w.Runner(id); (runner.Took == 8) != test.taken {
				t.Errorf("the runner took %d\n%s", runner.Took, w.State())
			}
		})
	}
}

// GitHub's ids of jobs are unique: a webhook that names a job of ours in another
// repository does not come from GitHub, even if its sender knows the secret.
func TestAJobOfThatIDInAnotherRepository(t *testing.T) {
	for _, status := range []string{fleet.JobCompleted, fleet.JobWaiting, fleet.JobInProgress, fleet.JobQueued} {
		t.Run(status, func(t *testing.T) {
			w := lifecycletest.New(t)
			own := w.Job(7)
			own.RepositoryID = 1
			id := w.Up(own)
			before := w.State()
			foreign := own
			foreign.Repository, foreign.RepositoryID, foreign.Status, foreign.Conclusion = "octo/hostile", 2, status, "cancelled"
			foreign.RunnerName = fleet.RunnerName(id, 1)
			if _, err := w.Fleet().LearnJob(t.Context(), foreign); err != nil {
				t.Fatal(err)
			}
			if status == fleet.JobQueued {
				if err := w.Fleet().Queued(t.Context(), foreign, fleet.Wants{}, w.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if after := w.State(); after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// After a swap in an organization or enterprise GitHub is asked for a job in its own
// repository.
func TestAJobOfAnotherRepositoryOfTheSharedPlaceIsAskedForThere(t *testing.T) {
	for place, repository := range map[string]string{"octo/": "octo/site", "/corp": "other/site"} {
		t.Run(place, func(t *testing.T) { asksWhereTheJobIs(t, place, repository) })
	}
}

func asksWhereTheJobIs(t *testing.T, place, repository string) {
	w := lifecycletest.New(t)
	other := w.Job(8)
	other.Repository = repository
	w.GitHub.Set(other)
	thief := w.Idle(w.Job(7))
	own := w.Idle(other)
	lc := w.Fleet()
	lc.SharedPlace = place
	taken := lifecycletest.InProgress(other, fleet.RunnerName(thief, 1))
	w.GitHub.Set(taken)
	if _, err := lc.LearnJob(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	// The runner that was launched in that one waits for a job of octo/repo now.
	if _, err := lc.AskAfter(t.Context(), w.Runner(own)); err != nil {
		t.Errorf("ask after %s: %v", w.Runner(own).For, err)
	}
	// The other one has a job of that one, which ends without a webhook.
	w.GitHub.Set(lifecycletest.Completed(taken, "success"))
	if _, err := lc.Close(t.Context(), thief, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if run := w.Run("job-8"); run.Status != fleet.RunCompleted || run.Conclusion != "success" {
		t.Errorf("the run is %s, %q", run.Status, run.Conclusion)
	}
}
