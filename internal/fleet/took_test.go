package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// two are two runs with the same labels, each with its idle runner.
func two(t *testing.T) (run1, run2 fleet.Run, runner1, runner2 fleet.Runner) {
	t.Helper()
	run1, runner1 = launched(t, jobOf(1, "linux"))
	run2, runner2 = launched(t, jobOf(2, "linux"))
	return run1, run2, runner1, runner2
}

// taken are the records of a job and the runner that has it.
func taken(run fleet.Run, runner fleet.Runner) (fleet.Run, fleet.Runner) {
	run.RanOn, runner.Took = runner.RunnerID, run.Job.JobID
	run.RunnerID, runner.For = runner.RunnerID, run.RunID
	run.Status, run.Reason, runner.Status = fleet.RunRunning, "", fleet.RunnerRunning
	return run.Mark(fleet.StageJobStarted, started), runner.Mark(fleet.StageJobStarted, started)
}

var started = now.Add(time.Minute)

func TestARunnerTookTheJobItWasLaunchedFor(t *testing.T) {
	run, runner := launched(t, jobOf(1, "linux"))
	got := fleet.Took(fleet.TookFacts{Run: run, Runner: runner, At: started})

	wantRun, wantRunner := taken(run, runner)
	equal(t, got, fleet.TookResult{Changes: fleet.Changes{Runs: []fleet.Run{wantRun}, Runners: []fleet.Runner{wantRunner}}, Apart: true})
}

func TestTwoRunnersSwapTheirJobs(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	runner2.Status = fleet.RunnerWaitingForJob
	got := fleet.Took(fleet.TookFacts{Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2, At: started})

	wantRun, wantRunner := taken(run2, runner1)
	run1.RunnerID, runner2.For = runner2.RunnerID, run1.RunID
	run1.Status = fleet.RunWaitingForJob // as far as its new runner has come
	equal(t, got, fleet.TookResult{Changes: fleet.Changes{
		Runs:    []fleet.Run{run1, wantRun},
		Runners: []fleet.Runner{runner2, wantRunner},
	}})
}

func TestASwapNeedsNoEqualLabels(t *testing.T) {
	run1, runner1 := launched(t, jobOf(1, "linux", "team-a"))
	run2, runner2 := launched(t, jobOf(2, "linux"))
	runner2.Labels = []string{"self-hosted", "linux", "team-a", "x64"}
	got := fleet.Took(fleet.TookFacts{Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2, At: started})
	equal(t, got.Changes.Runs[0].RunnerID, runner2.RunnerID)
	equal(t, len(got.Relaunch)+len(got.End), 0)
}

// Each case prevents the swap, so that job 1 loses its runner and job 2's own runner is
// ended.
func TestNoSwap(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil     func(run1 *fleet.Run, runner2 *fleet.Runner)
		relaunch  []string
		end       []string
		displaced fleet.RunStatus
	}{
		"the own runner lacks a label": {
			func(_ *fleet.Run, r *fleet.Runner) { r.Labels = []string{"self-hosted"} },
			[]string{"job-1"}, []string{"fleet-2-1"}, fleet.RunQueued,
		},
		"the own runner is closing": {
			func(_ *fleet.Run, r *fleet.Runner) { r.Phase = fleet.Closing },
			[]string{"job-1"}, []string{"fleet-2-1"}, fleet.RunQueued,
		},
		"the own runner's task has stopped": {
			func(_ *fleet.Run, r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped },
			[]string{"job-1"}, []string{"fleet-2-1"}, fleet.RunQueued,
		},
		"the own runner is closed": {
			func(_ *fleet.Run, r *fleet.Runner) { r.Phase = fleet.Closed },
			[]string{"job-1"}, nil, fleet.RunQueued,
		},
		"the own runner has a job": {
			func(_ *fleet.Run, r *fleet.Runner) { r.Took = 3 },
			[]string{"job-1"}, nil, fleet.RunQueued,
		},
		"the displaced run is over": {
			func(r *fleet.Run, _ *fleet.Runner) { r.Status = fleet.RunCancelled },
			nil, []string{"fleet-2-1"}, fleet.RunCancelled,
		},
		"the displaced run waits for approval": {
			func(r *fleet.Run, _ *fleet.Runner) { r.Status = fleet.RunWaiting },
			nil, []string{"fleet-2-1"}, fleet.RunWaiting,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run1, run2, runner1, runner2 := two(t)
			tc.spoil(&run1, &runner2)
			got := fleet.Took(fleet.TookFacts{Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2, At: started})

			wantRun, wantRunner := taken(run2, runner1)
			run1.RunnerID, run1.Status, runner2.For = "", tc.displaced, ""
			if tc.displaced == fleet.RunQueued {
				run1.Reason = "its runner fleet-1-1 took another job"
				run1.Displaced = 1
			}
			equal(t, got, fleet.TookResult{
				Changes:  fleet.Changes{Runs: []fleet.Run{run1, wantRun}, Runners: []fleet.Runner{runner2, wantRunner}},
				Relaunch: tc.relaunch, End: tc.end,
			})
		})
	}
}

func TestAJobWithoutARunnerDisplacesAnother(t *testing.T) {
	run1, runner1 := launched(t, jobOf(1, "linux"))
	foreign := fleet.NewRun(jobOf(2, "linux"), now) // its queued event is late or lost
	foreign.WaitsForRoom = true
	got := fleet.Took(fleet.TookFacts{Run: foreign, Runner: runner1, Meant: &run1, At: started})

	wantRun, wantRunner := taken(foreign, runner1)
	wantRun.WaitsForRoom = false
	run1.RunnerID, run1.Status, run1.Reason = "", fleet.RunQueued, "its runner fleet-1-1 took another job"
	run1.Displaced = 1
	equal(t, got, fleet.TookResult{
		Changes:  fleet.Changes{Runs: []fleet.Run{run1, wantRun}, Runners: []fleet.Runner{wantRunner}},
		Relaunch: []string{"job-1"},
	})
}

func TestAnUnexpectedRunnerEndsTheJobsOwnOne(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	_ = run1
	runner1.For = "" // its own run was cancelled
	got := fleet.Took(fleet.TookFacts{Run: run2, Runner: runner1, Expected: &runner2, At: started})

	wantRun, wantRunner := taken(run2, runner1)
	runner2.For = ""
	equal(t, got, fleet.TookResult{
		Changes: fleet.Changes{Runs: []fleet.Run{wantRun}, Runners: []fleet.Runner{runner2, wantRunner}},
		End:     []string{"fleet-2-1"},
	})
}

func TestExpectationsThatHaveMovedOnAreLeftAlone(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	run1.RunnerID = "fleet-1-2"    // not runner 1 any more
	runner2.RunnerID = "fleet-2-0" // not the runner that job 2 expects
	got := fleet.Took(fleet.TookFacts{Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2, At: started})

	wantRun, wantRunner := taken(run2, runner1)
	equal(t, got, fleet.TookResult{Changes: fleet.Changes{Runs: []fleet.Run{wantRun}, Runners: []fleet.Runner{wantRunner}}})
}

func TestFactsAreWrittenOnce(t *testing.T) {
	run1, run2, runner1, runner2 := two(t)
	run1, runner1 = taken(run1, runner1)
	for name, facts := range map[string]fleet.TookFacts{
		"the same again":         {Run: run1, Runner: runner1},
		"a second runner's word": {Run: run1, Runner: runner2},
		"a second job's word":    {Run: run2, Runner: runner1, Meant: &run1, Expected: &runner2},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.Took(facts), fleet.TookResult{Known: true}) })
	}
}

func TestWhatTookDoesToARunThatIsOver(t *testing.T) {
	for status, want := range map[fleet.RunStatus]fleet.RunStatus{
		fleet.RunFailed:    fleet.RunRunning, // amended: GitHub runs it after all
		fleet.RunRefused:   fleet.RunRunning,
		fleet.RunCompleted: fleet.RunCompleted, // the event is late
		fleet.RunCancelled: fleet.RunCancelled,
	} {
		run, runner := launched(t, jobOf(1, "linux"))
		run.Status = status
		got := fleet.Took(fleet.TookFacts{Run: run, Runner: runner, At: started}).Changes.Runs[0]
		equal(t, got.Status, want)
		equal(t, got.RanOn, runner.RunnerID)
	}
}

func TestAClosingRunnerMayHaveTakenAJob(t *testing.T) {
	run, runner := launched(t, jobOf(1, "linux"))
	closing, _ := runner.BeginEnd("idle", now)
	got := fleet.Took(fleet.TookFacts{Run: run, Runner: closing, At: started}).Changes.Runners[0]
	equal(t, got.Took, int64(1))
	equal(t, got.Phase, fleet.Open) // there is nothing to end; GitHub's answer to the end is that it is busy
	equal(t, got.Reason, "")
	equal(t, got.Status, fleet.RunnerRunning)
}

func TestARefusedJobIsStopped(t *testing.T) {
	run, runner := launched(t, jobOf(1))
	run = run.Move(fleet.RunRefused, "no")
	if res := fleet.Took(fleet.TookFacts{Run: run, Runner: runner, At: now}); !res.Stop || res.Changes.Runs[0].Status != fleet.RunRunning {
		t.Errorf("a job that policy refused: stop %t, run %s; want it stopped and RUNNING until then", res.Stop, res.Changes.Runs[0].Status)
	}
}
