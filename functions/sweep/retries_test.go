package sweep_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// setBack makes the runner of a job fail.
func setBack(w *world, job fleet.Job, name string) {
	if _, _, err := w.Fleet().Finish(context.Background(), w.Launch(job), nil, name, "why"); err != nil {
		panic(err)
	}
}

func TestRunsAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fails string
		after time.Duration
	}{
		"by themselves":          {fleet.GitHubNotFound, time.Minute},
		"once their hold allows": {fleet.ImageBuildFailed, 5 * time.Minute},
		"unnamed":                {"Lambda.Unknown", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			setBack(w, w.Job(7), c.fails)
			w.Pass(c.after - time.Second)
			if mustSweep(t, w); w.Run("job-7").RunnerID != "" {
				t.Errorf("tried too early:\n%s", w.State())
			}
			w.Pass(time.Second)
			if got := mustSweep(t, w); w.Run("job-7").RunnerID != "fleet-7-2" || len(got) != 0 {
				t.Errorf("not tried, or counted as a repair %v:\n%s", got, w.State())
			}
		})
	}
}

func TestACredentialThatGitHubAcceptsAgain(t *testing.T) {
	w := lifecycletest.New(t)
	setBack(w, w.Job(7), fleet.GitHubUnauthorized)
	w.GitHub.Fails["WorkflowRuns"] = fleet.Errorf(fleet.GitHubUnauthorized, "401")
	for range 600 {
		w.Pass(time.Minute)
		_, _ = run(w)
	}
	if w.Run("job-7").Launched != 1 {
		t.Errorf("%d runners were launched with a credential that GitHub refuses", w.Run("job-7").Launched)
	}
	delete(w.GitHub.Fails, "WorkflowRuns")
	if mustSweep(t, w); w.Run("job-7").RunnerID != "fleet-7-2" {
		t.Errorf("not launched after GitHub has accepted the credential:\n%s", w.State())
	}
}

// A hold is forgotten just when a run begins to wait for it: the run is found on
// GitHub.
func TestARunThatWaitsForAHoldThatIsGone(t *testing.T) {
	w := lifecycletest.New(t)
	setBack(w, w.Job(7), fleet.ImageBuildFailed)
	hold := w.Records.Hold(w.Run("job-7").Setback.Hold)
	hold.Over = true
	if err := w.Records.Write(t.Context(), fleet.Changes{Holds: []fleet.Hold{hold}}); err != nil {
		t.Fatal(err)
	}
	w.Pass(time.Minute)
	if mustSweep(t, w); w.Run("job-7").RunnerID == "" {
		t.Errorf("it waits for nothing:\n%s", w.State())
	}
}
