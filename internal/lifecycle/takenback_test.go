package lifecycle_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// takenBack is a world in which GitHub has queued a job again whose runner has closed,
// and has reported so once.
func takenBack(t *testing.T) *lifecycletest.World {
	w := lifecycletest.New(t)
	job := w.Job(7)
	id := w.Busy(job)
	w.GitHub.Remove(id + ".1")
	w.Tasks.Ends(id, 0)
	w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus, r.ExitCode = fleet.TaskStopped, new(int) })
	if _, _, err := w.Fleet().Finish(t.Context(), id, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	w.GitHub.Set(job)
	w.Pass(time.Minute)
	queuedAgain(t, w, false)
	return w
}

func queuedAgain(t *testing.T, w *lifecycletest.World, want bool) {
	t.Helper()
	if got, err := w.Fleet().QueuedAgain(t.Context(), "job-7"); err != nil || got != want {
		t.Errorf("taken back: %t, %v; want %t", got, err, want)
	}
}

func TestAJobThatGitHubTakesBackIsLaunchedAgain(t *testing.T) {
	w := takenBack(t)
	for range 4 {
		w.Pass(time.Minute)
		queuedAgain(t, w, false)
	}
	w.Pass(time.Minute)
	queuedAgain(t, w, true)
	if run := w.Run("job-7"); run.RunnerID != "fleet-7-2" || run.RanOn != "" || w.Runner("fleet-7-1").For != "" || w.Runner("fleet-7-1").Took != 7 {
		t.Errorf("%+v\n%s", run, w.State())
	}
}

func TestAJobIsNotTakenBack(t *testing.T) {
	cases := map[string]func(w *lifecycletest.World){
		"its runner is open": func(w *lifecycletest.World) {
			w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Phase = fleet.Open })
		},
		"its runner is ending": func(w *lifecycletest.World) {
			w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Phase = fleet.Closing })
		},
		"only a list says so": func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.InProgress(w.GitHub.Has(7), "fleet-7-1.1"))
		},
		"it has ended by now": func(w *lifecycletest.World) {
			w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(7), "success"))
		},
		"GitHub said so long ago": func(w *lifecycletest.World) { w.Pass(time.Hour) },
	}
	for name, mayRun := range cases {
		t.Run(name, func(t *testing.T) {
			w := takenBack(t)
			w.Pass(10 * time.Minute)
			mayRun(w)
			queuedAgain(t, w, false)
			if run := w.Run("job-7"); run.RanOn != "fleet-7-1" {
				t.Errorf("%+v", run)
			}
		})
	}
}

// If a foreign runner had the job, there is no runner of ours that must have closed.
func TestAJobThatGitHubTakesBackFromAnother(t *testing.T) {
	w := lifecycletest.New(t)
	job := w.Job(7)
	w.Idle(job)
	if _, err := w.Fleet().LearnJob(t.Context(), lifecycletest.InProgress(job, "theirs")); err != nil {
		t.Fatal(err)
	}
	w.GitHub.Set(job)
	queuedAgain(t, w, false)
	w.Pass(5 * time.Minute)
	queuedAgain(t, w, true)
	if run := w.Run("job-7"); run.RunnerID != "fleet-7-2" {
		t.Errorf("%+v", run)
	}
}

func TestALateWebhookAboutTheRunnerBefore(t *testing.T) {
	for status, learn := range map[fleet.RunStatus]func(job fleet.Job) fleet.Job{
		fleet.RunRunning: func(job fleet.Job) fleet.Job { return lifecycletest.InProgress(job, "fleet-7-1.1") },
		fleet.RunCompleted: func(job fleet.Job) fleet.Job {
			return lifecycletest.Completed(lifecycletest.InProgress(job, "fleet-7-1.1"), "success")
		},
	} {
		t.Run(string(status), func(t *testing.T) {
			w := takenBack(t)
			w.Pass(5 * time.Minute)
			queuedAgain(t, w, true)
			if _, err := w.Fleet().LearnJob(t.Context(), learn(w.GitHub.Has(7))); err != nil {
				t.Fatal(err)
			}
			if run := w.Run("job-7"); run.Status != status || run.RanOn != "" {
				t.Errorf("%+v", run)
			}
		})
	}
}

func TestTakenBackKilledEverywhere(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *lifecycletest.World { w := takenBack(t); w.Pass(5 * time.Minute); return w },
		func(w *lifecycletest.World) error {
			if _, err := w.Fleet().QueuedAgain(t.Context(), "job-7"); err != nil {
				return err
			}
			_, err := w.Fleet().Launch(t.Context(), "job-7") // the sweep launches what is wanted
			return err
		}, nil)
}
