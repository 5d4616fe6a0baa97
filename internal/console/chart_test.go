package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// ranBefore is a snapshot of n runs, the first of which came so long ago and the others after it.
func ranBefore(first time.Duration, n int) snapshot {
	s := snapshot{now: noon, settings: report.Settings{FleetName: "fleet", MaxRunners: 8}}
	s.at = noon
	for i := n; i > 0; i-- {
		at := noon.Add(-first * time.Duration(i) / time.Duration(n))
		r := fleet.NewRun(fleet.Job{JobID: int64(i)}, at).Mark(fleet.StageQueued, at).Mark(fleet.StageJobStarted, at.Add(time.Second))
		s.runs = append([]fleet.Run{r}, s.runs...)
	}
	return s
}

// TestChartsSpanTheHistoryThatThereIs: neither is a young fleet's history a line at the
// edge, nor is a time drawn empty whose runs were not read.
func TestChartsSpanTheHistoryThatThereIs(t *testing.T) {
	for name, c := range map[string]struct {
		s    snapshot
		want time.Duration
		says string
	}{
		"a fleet without runs":                         {ranBefore(0, 0), 6 * time.Hour, "No job got a runner in the last 6 hours."},
		"a fleet that was just started":                {ranBefore(3*time.Minute, 9), 15 * time.Minute, "9 jobs in the last 15 minutes"},
		"a fleet of this hour":                         {ranBefore(40*time.Minute, 9), time.Hour, "9 jobs in the last hour"},
		"a fleet of this morning":                      {ranBefore(4*time.Hour, 9), 6 * time.Hour, "9 jobs in the last 6 hours"},
		"an old fleet":                                 {ranBefore(90*time.Hour, 9), 6 * time.Hour, "No job got a runner in the last 6 hours."},
		"a busy fleet, whose runs of 2 hours are read": {ranBefore(2*time.Hour, report.MostListed), time.Hour, "jobs in the last hour"},
		"a busier one, whose runs of 3 minutes are":    {ranBefore(3*time.Minute, report.MostListed), 15 * time.Minute, "the newest 1000 jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			queue := queueChart(c.s)
			if got := spanOf(c.s).length; got != c.want || !strings.Contains(queue.Says+queue.Empty, c.says) {
				t.Errorf("it spans %s: %s%s", got, queue.Says, queue.Empty)
			}
		})
	}
	if got := fmt.Sprintf("%q", spanOf(ranBefore(time.Minute, 1)).ticks(noon, time.UTC)); got != `["11:45" "" "11:50" "" "11:55" "" "12:00"]` {
		t.Errorf("ticks that are no whole minutes: %s", got)
	}
}

// TestRunnersThatHaveEndedSince: the newest runners were read a moment ago, the open ones now.
func TestRunnersThatHaveEndedSince(t *testing.T) {
	s := ranBefore(time.Minute, 1)
	s.at = noon.Add(-10 * time.Second)
	runner := func(id string, launched time.Duration) fleet.Runner {
		return fleet.Runner{RunnerID: id}.Mark(fleet.StageLaunched, noon.Add(-launched)).Mark(fleet.StageJobStarted, noon.Add(-launched))
	}
	s.runners = []fleet.Runner{runner("a", 5*time.Second+15*time.Second), runner("b", 20*time.Second)}
	s.open = []fleet.Runner{runner("b", 20*time.Second), runner("c", 2*time.Second)}
	if got := runnerChart(s); !strings.Contains(got.Says, "Up to 2 open runners") {
		t.Errorf("%s\n%+v", got.Says, got.Bars)
	}
}

// TestFiguresSayWhatTheyCount: a list that was cut is no count.
func TestFiguresSayWhatTheyCount(t *testing.T) {
	value := func(s snapshot, name string) string {
		for _, f := range s.figures() {
			if f.Name == name {
				return f.Value + " " + f.Note
			}
		}
		return ""
	}
	s := ranBefore(10*time.Minute, report.MostListed)
	for i := range report.MostListed {
		s.waiting = append(s.waiting, fleet.NewRun(fleet.Job{JobID: int64(i)}, noon))
	}
	if got := value(s, "Waiting"); got != "1000+ without a runner" {
		t.Errorf("waiting: %s", got)
	}
	if got := value(s, "Jobs failed"); got != "0 of the newest 1000 runs" {
		t.Errorf("failed: %s", got)
	}
	if got := value(ranBefore(2*time.Hour, report.MostListed), "Jobs failed"); got != "0 in the last hour" {
		t.Errorf("failed, of a fleet whose hour was read: %s", got)
	}
}
