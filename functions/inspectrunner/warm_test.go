package inspectrunner_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestAWarmRunnerIdlesForAsLongAsGitHubHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*world, string)
		want    fleet.Wait
		phase   fleet.Phase
		stopped bool
	}{
		"it waits for hours": {
			before: func(w *world, _ string) { w.Pass(3 * time.Hour) },
			want:   fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"GitHub has deleted it, and it goes on": {
			before: func(w *world, id string) { w.GitHub.Remove(fleet.RunnerName(id, 1)) },
			want:   fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, phase: fleet.Closing, stopped: true,
		},
		"it is offline": {
			before: func(w *world, id string) { w.GitHub.Runner(fleet.RunnerName(id, 1)).Online = false },
			want:   fleet.Wait{Outcome: fleet.OutcomeStopped, Seconds: 1}, phase: fleet.Closing, stopped: true,
		},
		"GitHub does not answer": {
			before: func(w *world, _ string) { w.GitHub.Fails["Registration"] = fleet.Errorf(fleet.GitHubUnavailable, down) },
			want:   fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 60}, phase: fleet.Open,
		},
		"GitHub gave it a job after hours, and no webhook said so": {
			before: func(w *world, id string) {
				w.Pass(7 * time.Hour)
				w.GitHub.Runner(fleet.RunnerName(id, 1)).Online, w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = false, true
			},
			want: fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: 1800}, phase: fleet.Open,
		},
		"a run came to expect it just now": {
			before: func(w *world, _ string) { w.Pass(3 * time.Hour); w.Launch(w.Job(7)); w.Pass(4 * time.Minute) },
			want:   fleet.Wait{Outcome: fleet.OutcomeWaiting, Seconds: 1}, phase: fleet.Open,
		},
		"it does not get the job of the run that expects it": {
			before: func(w *world, _ string) { w.Launch(w.Job(7)); w.Pass(5 * time.Minute) },
			want:   fleet.Wait{Outcome: fleet.OutcomeReaped, Seconds: 1, Error: fleet.RunnerIdleTimeout}, phase: fleet.Closing, stopped: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Warm(1)[0]
			c.before(w, id)
			got, err := run(t, w, id)
			got.Cause = ""
			if r := w.Runner(id); err != nil || got != c.want || r.Phase != c.phase || w.Tasks.Asked(r.TaskARN) != c.stopped {
				t.Errorf("%+v, %v; it is %s, asked to stop: %t", got, err, r.Phase, w.Tasks.Asked(r.TaskARN))
			}
		})
	}
}

func TestAWarmRunnerThatNeverRegistersFails(t *testing.T) {
	w := lifecycletest.New(t)
	id := w.Warm(1)[0]
	w.EditRunner(id, func(r *fleet.Runner) { delete(r.Times, fleet.StageRegistered); r.Claims, r.RegistrationID = 0, 0 })
	w.Pass(16 * time.Minute)
	got, err := run(t, w, id)
	if err != nil || got.Outcome != fleet.OutcomeReaped || got.Error != fleet.RunnerStartTimeout {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAJobThatNobodyToldOfEndsAtMaxRuntime(t *testing.T) {
	for name, idled := range map[string]time.Duration{"soon": 10 * time.Minute, "after hours": 7 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Warm(1)[0]
			w.Pass(idled)
			w.GitHub.Runner(fleet.RunnerName(id, 1)).Online, w.GitHub.Runner(fleet.RunnerName(id, 1)).Working = false, true
			for _, c := range []struct {
				after   time.Duration
				seconds int
				stopped bool
			}{{0, 1800, false}, {5*time.Hour + 50*time.Minute, 600, false}, {10 * time.Minute, 60, true}} {
				w.Pass(c.after)
				got, err := run(t, w, id)
				if err != nil || got != (fleet.Wait{Outcome: fleet.OutcomeBusy, Seconds: c.seconds}) || w.Tasks.Asked(w.Runner(id).TaskARN) != c.stopped {
					t.Errorf("%s later: %+v, %v, asked to stop: %t", c.after, got, err, w.Tasks.Asked(w.Runner(id).TaskARN))
				}
			}
		})
	}
}

// Looks at idle runners come last: what they leave is for claims, launches and the sweep.
func TestALookLeavesGitHubsLimitToClaims(t *testing.T) {
	for name, c := range map[string]struct {
		used, open int
		asked      bool
	}{
		"nothing was used":                           {used: 0, asked: true},
		"a quarter in half of the hour":              {used: 1200, asked: true},
		"more than half, if it goes on like that":    {used: 1400, asked: false},
		"all was used":                               {used: 5000, asked: false},
		"what is left is kept for many open runners": {used: 1200, open: 1300, asked: false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			w.MaxRunners = 2000
			id := w.Warm(1)[0]
			w.GitHub.Remove(fleet.RunnerName(id, 1))
			capacity := w.Capacity()
			capacity.Open += c.open
			if err := w.Records.Write(t.Context(), fleet.Changes{Capacity: &capacity}); err != nil {
				t.Fatal(err)
			}
			w.GitHub.Left = fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: 5000 - c.used, Reset: w.Now().Add(30 * time.Minute)}
			w.GitHub.Calls = nil
			got, err := run(t, w, id)
			if err != nil {
				t.Fatal(err)
			}
			if asked := slices.Contains(w.GitHub.Calls, "Registration"); asked != c.asked {
				t.Errorf("GitHub was asked: %t; %+v", asked, got)
			}
			if waits := got.Outcome == fleet.OutcomeWaiting; waits == c.asked {
				t.Errorf("GitHub was asked: %t, and the runner %+v", c.asked, got)
			}
		})
	}
}
