package cost

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// TestWhatIdlingCosts counts a warm runner that had a job after nine of its ten minutes, and
// one that GitHub deleted after three.
func TestWhatIdlingCosts(t *testing.T) {
	warm := func(from, to int) fleet.Runner {
		r := runner("small", 0, from, to)
		r.Pool, r.RunID, r.Repository = "small@octo/app", "", "octo/app"
		r.Times[fleet.StageLaunched] = at(from)
		return r
	}
	served, lost := warm(0, 600), warm(0, 180)
	served.Took = 1
	served.Times[fleet.StageJobStarted] = at(540)
	run := fleet.Run{RunID: "job-1", Job: fleet.Job{JobID: 1, Repository: "octo/app"}, RanOn: served.RunnerID}
	second := price.Amount(13_713.8889*10_000) / 10_000 // of small, as in TestWhatARunCosts
	for by, lines := range map[By]int{ByRun: 2, ByRepository: 1, ByWorkflow: 2, ByClass: 1, ByDay: 2} {
		c := counter(by)
		c.Add(report.Lived{Run: run, Runners: []fleet.Runner{served}})
		c.AddIdle(lost)
		r := c.Report()
		if r.Total.Idle/second != 720 || r.Total.IdleSeconds != 720 || r.Total.TaskSeconds != 780 || r.Total.Runners != 2 || r.Total.Runs != 1 {
			t.Errorf("by %s: the total is %+v", by, r.Total)
		}
		if len(r.Lines) != lines {
			t.Errorf("by %s: %d lines, want %d: %+v", by, len(r.Lines), lines, r.Lines)
		}
		want := r.Total
		want.Name = "small@octo/app"
		want.Hosted, want.HostedMinutes, want.NotCompared = 0, 0, 0
		if diff := cmp.Diff([]Line{want}, r.Pools); diff != "" {
			t.Errorf("by %s: -total +pools:\n%s", by, diff)
		}
	}
}
