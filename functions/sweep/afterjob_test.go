package sweep_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// over is a runner whose job has ended on GitHub and whose task is still running.
func over(w *world) string {
	id := w.Busy(w.Job(7))
	w.Pass(grace)
	w.GitHub.Set(ended(w, completed(w.GitHub.Has(7), "success")))
	w.GitHub.Remove(id + ".1")
	_ = w.Fleet().Completed(context.Background(), w.GitHub.Has(7))
	return id
}

func TestTasksAfterTheirJobs(t *testing.T) {
	const apart = 15 * time.Minute
	looked := func(n int) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			if asked := count(w.GitHub.Calls, "Job"); asked != n {
				t.Errorf("GitHub was asked for the job %d times, want %d", asked, n)
			}
			wantStopped("task-1", false)(t, w)
		}
	}
	first := func(w *world) {
		over(w)
		w.Pass(grace)
		if _, err := run(w); err != nil {
			panic(err)
		}
	}
	play(t, map[string]scene{
		"its task ends soon":            {setup: func(w *world) { over(w) }, early: true, check: looked(0)},
		"its task goes on for a minute": {setup: func(w *world) { over(w) }, check: looked(1)},
		"its task goes on for fifteen":  {setup: func(w *world) { first(w); w.Pass(apart - 2*grace) }, check: looked(1)},
		"its job has not ended":         {setup: func(w *world) { w.Busy(w.Job(7)) }, check: looked(0)},
		"its task was asked to stop already": {setup: func(w *world) { _ = w.Tasks.Stop(t.Context(), w.Runner(over(w)).TaskARN, "by a person") }, check: func(t *testing.T, w *world) {
			if asked := count(w.GitHub.Calls, "Job"); asked != 0 {
				t.Errorf("GitHub was asked %d times", asked)
			}
		}},
		"its task goes on for longer": {
			setup: func(w *world) { first(w); w.Pass(apart - grace) }, want: repairs{sweep.TaskOutlivedJob: 1},
			check: func(t *testing.T, w *world) {
				wantStopped("task-1", true)(t, w)
				wantRun("job-7", fleet.RunCompleted, "fleet-7-1")(t, w)
			},
		},
		"a record that does not say when": {
			setup: func(w *world) {
				first(w)
				w.EditRun("job-7", func(r *fleet.Run) { delete(r.Times, fleet.StageJobCompleted) })
				w.Pass(apart - grace)
			},
			want: repairs{sweep.TaskOutlivedJob: 1}, check: wantStopped("task-1", true),
		},
	})
}

// refusedOn is a runner whose hook asks, and that has a job which policy refuses: it gets
// no answer, or nothing comes of it.
func refusedOn(w *world) {
	id := w.Busy(w.Job(7))
	w.EditRunner(id, func(r *fleet.Runner) { r.Hook = fleet.HookAsks })
	w.EditRun("job-7", func(r *fleet.Run) { r.Status, r.Rule, r.Reason = fleet.RunRefused, "policy.no-forks", "no forks" })
}

func TestARefusedJobThatItsHookDoesNotEnd(t *testing.T) {
	play(t, map[string]scene{
		"it has just begun": {setup: refusedOn, check: wantStopped("task-1", false)},
		"its hook has admitted it since, and nobody heard": {
			setup: func(w *world) {
				refusedOn(w)
				w.EditRunner("fleet-7-1", func(r *fleet.Runner) { r.Judged = &fleet.Judged{JobID: 7, Verdict: fleet.Admitted} })
				w.Pass(6 * time.Minute)
			},
			check: wantStopped("task-1", false),
		},
		"it goes on": {
			setup: func(w *world) { refusedOn(w); w.Pass(6 * time.Minute) }, want: repairs{sweep.RefusedGoesOn: 1},
			check: func(t *testing.T, w *world) {
				wantStopped("task-1", true)(t, w)
				wantRun("job-7", fleet.RunRefused, "fleet-7-1")(t, w)
			},
		},
	})
}

// A refused job that its hook has ended is settled: no sweep learns of it again.
func TestARefusedJobThatItsHookEnded(t *testing.T) {
	play(t, map[string]scene{
		"nothing is repaired": {
			setup: func(w *world) {
				refusedOn(w)
				w.GitHub.Set(ended(w, completed(w.GitHub.Has(7), "cancelled")))
				_ = w.Fleet().Completed(context.Background(), w.GitHub.Has(7))
			},
			check: wantRun("job-7", fleet.RunRefused, "fleet-7-1"),
		},
	})
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}
