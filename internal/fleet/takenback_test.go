package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ran is a run whose job a runner took, and that runner.
func ran(t *testing.T) (fleet.Run, fleet.Runner) {
	t.Helper()
	run, runner := launched(t, jobOf(1))
	res := fleet.Took(fleet.TookFacts{Run: run, Runner: runner, At: started})
	return res.Changes.Runs[0], res.Changes.Runners[0]
}

func TestGitHubHasToSayTwiceThatAJobIsQueuedAgain(t *testing.T) {
	run, _ := ran(t)
	equal(t, run.TakenBack(later), false)
	run, changed := run.NoteQueuedAgain(later)
	equal(t, changed, true)
	for after, want := range map[time.Duration]bool{
		0: false, 5*time.Minute - 1: false, 5 * time.Minute: true, 30 * time.Minute: true, 30*time.Minute + 1: false,
	} {
		equal(t, run.TakenBack(later.Add(after)), want)
		_, changed := run.NoteQueuedAgain(later.Add(after))
		equal(t, changed, after > 30*time.Minute)
	}
}

func TestAJobThatDoesNotRunIsNotTakenBack(t *testing.T) {
	for _, s := range runStatuses {
		if s == fleet.RunRunning {
			continue
		}
		run := fleet.Run{Status: s, QueuedAgainAt: later}
		equal(t, run.TakenBack(later.Add(10*time.Minute)), false)
		_, changed := run.NoteQueuedAgain(later.Add(time.Hour))
		equal(t, changed, false)
	}
}

func TestTakeBack(t *testing.T) {
	run, runner := ran(t)
	run.QueuedAgainAt = later
	was := run.Times
	got := run.TakeBack(later)

	equal(t, got.Status, fleet.RunQueued)
	equal(t, got.Reason, "GitHub took the job back from fleet-1-1 and queued it again")
	equal(t, got.Wanted(), true)
	equal(t, got.RanOn+got.RunnerID, "")
	equal(t, got.RanBefore, []string{runner.RunnerID})
	equal(t, got.QueuedAgainAt, time.Time{})
	equal(t, got.At(fleet.StageJobStarted), time.Time{})
	equal(t, got.QueuedSince(), later)
	equal(t, was[fleet.StageJobStarted], started) // the record that was read is as it was
}

// A late webhook about the first runner does not bring it back, and a second end of that
// runner does not change the run.
func TestTheRunnerThatHadTheJobBefore(t *testing.T) {
	run, runner := ran(t)
	run = run.TakeBack(later)
	equal(t, fleet.Took(fleet.TookFacts{Run: run, Runner: runner, At: later}), fleet.TookResult{Known: true})

	runner.Phase = fleet.Closed
	equal(t, fleet.Close(fleet.CloseFacts{Runner: runner, Run: &run, Now: later}).Run.Reason, run.Reason)
}
