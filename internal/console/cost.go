package console

import (
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/cost"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// costToday is what the runs of today cost until now, of those among the recent ones.
func (s snapshot) costToday(region string, zone *time.Location) figure {
	now := s.now.In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	counter := cost.NewCounter(cost.ByDay, price.In(region), s.settings.ClassSizes, s.now, zone)
	runners := map[string][]fleet.Runner{}
	for _, r := range s.runners {
		id := r.CountsFor()
		if id == "" && !r.At(fleet.StageLaunched).Before(midnight) {
			counter.AddIdle(r)
		}
		runners[id] = append(runners[id], r)
	}
	all := false
	for _, run := range s.runs {
		if run.At(fleet.StageReceived).Before(midnight) {
			all = true
			break
		}
		counter.Add(report.Lived{Run: run, Runners: runners[run.RunID]})
	}
	total := counter.Report().Total
	f := figure{Name: "Cost today", Value: total.Total.String(), Href: "/classes", Note: "at list prices"}
	if !all && len(s.runs) == report.MostListed {
		f.Note = fmt.Sprintf("of the newest %d runs", len(s.runs))
	}
	if s.settings.Engine != "" && s.settings.Engine != "fargate" {
		f.Name, f.Note = "On Fargate today", "what it would cost there"
	}
	return f
}

// runCost is what a run cost, "" of one that had no task.
func (c *Console) runCost(run fleet.Run, runners []fleet.Runner, classes map[string]fleet.Class) (total, hosted string) {
	var its []fleet.Runner
	for _, r := range runners {
		if r.CountsFor() == run.RunID {
			its = append(its, r)
		}
	}
	line := cost.NewCounter(cost.ByRun, price.In(c.Region), classes, c.Now(), c.Zone).Of(report.Lived{Run: run, Runners: its})
	if line.TaskSeconds == 0 {
		return "", ""
	}
	total = line.Total.String()
	if line.HostedMinutes > 0 {
		hosted = line.Hosted.String()
	}
	return total, hosted
}
