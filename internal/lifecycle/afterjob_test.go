package lifecycle_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

const apart = 15 * time.Minute

// hangs is a runner whose job has ended on GitHub and whose task is still running.
func hangs(w *lifecycletest.World) string {
	id := w.Busy(w.Job(7))
	w.GitHub.Set(lifecycletest.Completed(w.GitHub.Has(7), "success"))
	w.GitHub.Remove(fleet.RunnerName(id, 1))
	return id
}

func look(t *testing.T, w *lifecycletest.World, id string) bool {
	t.Helper()
	stopped, err := w.Fleet().AfterJob(t.Context(), id, time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if asked := w.Tasks.Asked(w.Runner(id).TaskARN); stopped != asked {
		t.Errorf("it says %t; asked to stop: %t", stopped, asked)
	}
	return stopped
}

func TestATaskThatGoesOnAfterItsJobIsStopped(t *testing.T) {
	w := lifecycletest.New(t)
	id := hangs(w)
	for _, after := range []time.Duration{0, time.Minute, apart - 2*time.Minute} {
		if w.Pass(after); look(t, w, id) {
			t.Fatal("stopped at once")
		}
	}
	if w.Pass(time.Minute); !look(t, w, id) {
		t.Fatalf("it goes on:\n%s", w.State())
	}
	if want := "its job ended on GitHub at 2026-03-04T05:00:00Z; its task went on"; w.Runner(id).Reason != want {
		t.Errorf("its reason is %q, want %q", w.Runner(id).Reason, want)
	}
}

// In each case one of the two looks, or both, shows that the job may still run.
func TestATaskWhoseJobMayStillRunIsLeftAlone(t *testing.T) {
	cases := map[string]func(w *lifecycletest.World, id string){
		"only a webhook said that it ended": func(w *lifecycletest.World, id string) {
			w.GitHub.Set(lifecycletest.InProgress(w.GitHub.Has(7), fleet.RunnerName(id, 1)))
		},
		"GitHub says that it ended and refuses to delete the runner": func(w *lifecycletest.World, id string) {
			reg, _, _ := w.GitHub.Register(t.Context(), lifecycletest.Repository, fleet.RunnerName(id, 1), nil)
			w.GitHub.Runner(reg.Name).Working = true
			w.EditRunner(id, func(r *fleet.Runner) { r.RegistrationID = reg.ID })
		},
		"it ended on another runner": func(w *lifecycletest.World, _ string) {
			job := w.GitHub.Has(7)
			job.RunnerName = "fleet-8-1.1"
			w.GitHub.Set(job)
		},
		"GitHub does not know the job": func(w *lifecycletest.World, _ string) { w.GitHub.Gone(7) },
	}
	for name, mayRun := range cases {
		for when, act := range map[string]func(w *lifecycletest.World, id string, look func()){
			"at both looks":      func(w *lifecycletest.World, id string, look func()) { mayRun(w, id); look() },
			"at the second look": func(w *lifecycletest.World, id string, look func()) { look(); mayRun(w, id) },
			"between two others": func(w *lifecycletest.World, id string, look func()) {
				was := w.GitHub.Has(7)
				look()
				mayRun(w, id)
				w.Pass(apart)
				look()
				w.GitHub.Set(was)
				if w.GitHub.Runner(fleet.RunnerName(id, 1)) != nil {
					w.GitHub.Remove(fleet.RunnerName(id, 1))
				}
			},
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				w := lifecycletest.New(t)
				id := hangs(w)
				act(w, id, func() { look(t, w, id) })
				if w.Pass(apart); look(t, w, id) {
					t.Errorf("it was stopped:\n%s", w.State())
				}
			})
		}
	}
}

func TestThereIsNoLookAtARunnerThat(t *testing.T) {
	for name, edit := range map[string]func(*fleet.Runner){
		"has no job":  func(r *fleet.Runner) { r.Took = 0 },
		"has no task": func(r *fleet.Runner) { r.TaskARN = "" },
		"has stopped": func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped },
		"has closed":  func(r *fleet.Runner) { r.Phase = fleet.Closed },
		"has stopped between the look and its record": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := hangs(w)
			look(t, w, id)
			w.Pass(apart)
			asked := len(w.GitHub.Calls)
			if edit != nil {
				w.EditRunner(id, edit)
			} else {
				w.After("GitHub.Job", func() { w.EditRunner(id, func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped }) })
			}
			stopped, err := w.Fleet().AfterJob(t.Context(), id, w.Now())
			if err != nil || stopped || edit != nil && len(w.GitHub.Calls) != asked {
				t.Errorf("stopped %t, %v; GitHub was asked %q", stopped, err, w.GitHub.Calls[asked:])
			}
		})
	}
}

// A configuration of the release before has no limits.after_job.
func TestWithoutALimitTheLooksAreApart(t *testing.T) {
	w := lifecycletest.New(t)
	id := hangs(w)
	f := w.Fleet()
	f.Limits.AfterJob = 0
	for range 2 {
		if stopped, err := f.AfterJob(t.Context(), id, w.Now()); err != nil || stopped {
			t.Fatalf("stopped %t, %v", stopped, err)
		}
		w.Pass(time.Minute)
	}
}

func TestWhileGitHubIsDownNothingIsLearntAfterAJob(t *testing.T) {
	for _, method := range []string{"Job", "Delete"} {
		w := lifecycletest.New(t)
		id := hangs(w)
		look(t, w, id)
		w.Pass(apart)
		w.GitHub.Fails[method] = fleet.Errorf(fleet.GitHubUnavailable, "down")
		was := w.Runner(id)
		if stopped, err := w.Fleet().AfterJob(t.Context(), id, w.Now()); stopped || !fleet.IsNamed(err, fleet.GitHubUnavailable) {
			t.Errorf("stopped %t, %v", stopped, err)
		}
		if now := w.Runner(id); now.Version != was.Version {
			t.Errorf("it was changed: %+v", now)
		}
	}
}

func TestAfterJobKilledEverywhere(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *lifecycletest.World {
			w := lifecycletest.New(t)
			id := hangs(w)
			look(t, w, id)
			w.Pass(apart)
			return w
		},
		func(w *lifecycletest.World) error {
			_, err := w.Fleet().AfterJob(t.Context(), "fleet-7-1", w.Now())
			return err
		}, nil)
}
