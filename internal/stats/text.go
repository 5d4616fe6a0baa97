package stats

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// mostShown bounds the rows of people's tables.
const mostShown = 50

// Text writes the stats for people: the groups, the stages of all runs, and what failed.
// On a terminal the groups fit its width; elsewhere nothing is cut.
func (s Stats) Text(w io.Writer, screen readable.Screen) error {
	if s.All.Runs == 0 {
		return s.warm(w, screen)
	}
	list := readable.NewPage(w, screen, []readable.Column{
		{Name: strings.ToUpper(string(s.By)), Least: 12}, {Name: "RUNS"}, {Name: "OPEN", Drop: 4}, {Name: "SUCCESS", Drop: 2}, {Name: "FAILURE", Drop: 2}, {Name: "OTHER", Drop: 6},
		{Name: "RUNNERS", Drop: 8}, {Name: "FRUITLESS", Drop: 7}, {Name: "QUEUE P50"}, {Name: "P95"}, {Name: "P99", Drop: 5}, {Name: "JOB P50", Drop: 3}, {Name: "P95", Drop: 9}, {Name: "P99", Drop: 10},
	}...)
	shown := s.Groups
	if s.By == ByDay || s.By == ByHour {
		shown = shown[max(0, len(shown)-mostShown):]
	} else {
		shown = shown[:min(len(shown), mostShown)]
	}
	for _, g := range shown {
		list.Row(g.row(g.Name)...)
	}
	if len(s.Groups) > 1 {
		list.Row(s.All.row("all")...)
	}
	if err := list.Flush(); err != nil {
		return err
	}
	if more := len(s.Groups) - len(shown); more > 0 {
		fmt.Fprintf(w, "and %d more; --json has all\n", more)
	}
	fmt.Fprintln(w)
	t := readable.NewPage(w, screen, readable.Column{Name: "STAGE", Least: 20}, readable.Column{Name: "JOBS", Drop: 1}, readable.Column{Name: "P50"}, readable.Column{Name: "P95"},
		readable.Column{Name: "P99", Drop: 3}, readable.Column{Name: "LONGEST", Drop: 2})
	for _, stage := range s.All.Stages {
		shown := shownOf(stage.Name)
		t.Row(stage.Name, stage.Count, shown(&stage.P50), shown(&stage.P95), shown(&stage.P99), shown(&stage.Max))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := s.warm(w, screen); err != nil {
		return err
	}
	if err := s.pulls(w, screen, shown); err != nil {
		return err
	}
	fmt.Fprintln(w)
	folded(w, screen, "outcomes: "+counted(s.All.Outcomes))
	if len(s.All.Failures) == 0 {
		return nil
	}
	folded(w, screen, "setbacks: "+counted(s.All.Setbacks))
	fmt.Fprintln(w)
	t = readable.NewPage(w, screen, readable.Column{Name: "FAILURE", Least: 16}, readable.Column{Name: "RUNNERS"}, readable.Column{Name: "WHOSE BUSINESS", Drop: 1})
	names := slices.SortedFunc(maps.Keys(s.All.Failures), func(a, b string) int {
		return cmp.Or(s.All.Failures[b]-s.All.Failures[a], cmp.Compare(a, b))
	})
	for _, name := range names[:min(len(names), mostShown)] {
		t.Row(name, s.All.Failures[name], fleet.KindOf(name).Whose())
	}
	return t.Flush()
}

// folded writes words on lines that fit the screen.
func folded(w io.Writer, screen readable.Screen, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if screen.Terminal() && line != "" && readable.Width(line+" "+word) > screen.Width {
			fmt.Fprintln(w, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	fmt.Fprintln(w, line)
}

// pulls writes how long images were pulled, by ECS's own times: what shows whether
// another compression or a SOCI index is worth it.
func (s Stats) pulls(w io.Writer, screen readable.Screen, shown []Group) error {
	if s.All.Pull == nil {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewPage(w, screen, []readable.Column{
		{Name: "IMAGES PULLED", Least: 12}, {Name: "RUNNERS", Drop: 2}, {Name: "MB P50"}, {Name: "MS/MB P50"}, {Name: "P95"}, {Name: "LONGEST", Drop: 1},
	}...)
	if len(s.Groups) > 1 {
		shown = append(slices.Clone(shown), s.All)
	}
	for _, g := range shown {
		if g.Pull != nil {
			t.Row(g.Name, g.Pull.Count, fmt.Sprintf("%.0f", g.PulledMB), g.Pull.P50, g.Pull.P95, g.Pull.Max)
		}
	}
	return t.Flush()
}

func (g Group) row(name string) []any {
	success, failure := g.Conclusions["success"], g.Conclusions["failure"]
	row := []any{name, g.Runs, g.Open, success, failure, g.Runs - g.Open - success - failure, g.Runners, g.Fruitless}
	job := (*Percentiles)(nil)
	for i, stage := range g.Stages {
		if stage.Name == stages.Job {
			job = &g.Stages[i].Percentiles
		}
	}
	for _, column := range []struct {
		of    *Percentiles
		shown func(*int64) string
	}{{g.Queue, readable.Took}, {job, shownOf(stages.Job)}} {
		if column.of == nil {
			row = append(row, "", "", "")
			continue
		}
		row = append(row, column.shown(&column.of.P50), column.shown(&column.of.P95), column.shown(&column.of.P99))
	}
	return row
}

// shownOf shows times of a stage: GitHub measures the job itself, in whole seconds.
func shownOf(name stages.Name) func(*int64) string {
	if name == stages.Job {
		return readable.ByGitHub
	}
	return readable.Took
}

// counted lists what there is of each, the most first.
func counted[K ~string](by map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(by), func(a, b K) int { return cmp.Or(by[b]-by[a], cmp.Compare(a, b)) })
	var each []string
	for _, key := range keys {
		each = append(each, fmt.Sprintf("%s %d", key, by[key]))
	}
	return strings.Join(each, ", ")
}
