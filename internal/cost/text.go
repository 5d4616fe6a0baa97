package cost

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// mostShown bounds the rows of people's table.
const mostShown = 50

// Text writes the costs for people. On a terminal they fit its width; elsewhere nothing is
// cut.
func (r Report) Text(w io.Writer, screen readable.Screen) error {
	if r.Total.Runs == 0 && r.Total.Runners == 0 {
		return nil
	}
	t := readable.NewPage(w, screen, []readable.Column{
		{Name: strings.ToUpper(string(r.By)), Least: 12}, {Name: "RUNS"}, {Name: "RUNNERS", Drop: 4}, {Name: "TASKS", Drop: 2}, {Name: "ON SPOT", Drop: 3},
		{Name: "FARGATE", Drop: 5}, {Name: "CONTROL PLANE", Drop: 6}, {Name: "TOTAL"}, {Name: "GITHUB-HOSTED"},
	}...)
	shown := r.Lines[:min(len(r.Lines), mostShown)]
	if r.By == ByDay {
		shown = r.Lines[len(r.Lines)-len(shown):]
	}
	for _, line := range shown {
		t.Row(line.row()...)
	}
	if len(r.Lines) > 1 {
		t.Row(r.Total.row()...)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := len(r.Lines) - len(shown); more > 0 {
		fmt.Fprintf(w, "and %d more, which the total has; --json has all\n", more)
	}
	return r.warm(w, screen)
}

func (l Line) row() []any {
	spot := ""
	if l.TaskSeconds > 0 {
		spot = fmt.Sprintf("%d %%", l.SpotSeconds*100/l.TaskSeconds)
	}
	hosted := ""
	if l.HostedMinutes > 0 {
		hosted = l.Hosted.String()
	}
	return []any{l.Name, l.Runs, l.Runners, lasted(l.TaskSeconds), spot, l.Fargate, l.ControlPlane, l.Total, hosted}
}

// lasted shows seconds.
func lasted(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return (time.Duration(seconds) * time.Second).String()
}

// Notes say what the amounts are, and what is not in them. here reports that the fleet runs
// on one machine.
func (r Report) Notes(here bool) []string {
	notes := []string{fmt.Sprintf("at list prices of %s as of %s; Spot's is a rule of thumb", r.Region, r.AsOf)}
	if r.Estimated {
		notes[0] = fmt.Sprintf("an estimate: no prices of %s are known, so these are those of us-east-1 as of %s; Spot's is a rule of thumb", r.Region, r.AsOf)
	}
	notes = append(notes, "image builds, logs, public addresses and what an idle fleet costs are not in it")
	if r.Total.Idle > 0 {
		notes = append(notes, fmt.Sprintf("%s of it is for warm runners before they had a job, or without one", r.Total.Idle))
	}
	if here {
		notes = append(notes, "this fleet runs on one machine: that is what the same would cost on Fargate")
	}
	for _, n := range []struct {
		of   int
		says string
	}{
		{r.Total.Open, "%d tasks still run, and are counted until now"},
		{r.Total.Unpriced, "%d tasks are not in it: the fleet no longer has their class"},
		{r.Total.NotCompared, "%d jobs are not compared: GitHub hosts no runner that is as large, or their class is no more"},
	} {
		if n.of > 0 {
			notes = append(notes, fmt.Sprintf(n.says, n.of))
		}
	}
	return notes
}
