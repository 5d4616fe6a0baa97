package main

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// usualColumns of a list of runs. Ids are never cut: people copy them.
var usualColumns = []readable.Column{
	{Name: "RUN"}, {Name: "WHEN"}, {Name: "REPOSITORY", Least: 10, Drop: 3}, {Name: "WORKFLOW", Least: 8, Drop: 5}, {Name: "JOB", Least: 12},
	{Name: "STATUS"}, {Name: "RUNNER", Drop: 4}, {Name: "TOOK", Drop: 1}, {Name: "REASON", Least: 16, Drop: 2},
}

// narrow is the width below which the usual columns do not fit.
const narrow = 60

// narrowColumns has the same columns, of which only the id is whole.
func narrowColumns() []readable.Column {
	columns := slices.Clone(usualColumns)
	for i, c := range columns {
		switch c.Name {
		case "JOB":
			columns[i].Least = 6
		case "STATUS":
			columns[i].Least = len(fleet.RunWaitingForJob)
		case "WHEN":
			columns[i].Drop = 1
		case "RUN":
		default:
			columns[i].Drop++ // WHEN is the last to go
		}
	}
	return columns
}

// stageColumns are the columns of stages.Names.
var stageColumns = map[stages.Name]string{
	stages.Webhook: "WEBHOOK", stages.Launch: "LAUNCH", stages.Room: "ROOM", stages.Tries: "TRIES", stages.Other: "OTHER", stages.NextTry: "NEXT TRY",
	stages.Approval: "APPROVAL", stages.Admit: "ADMIT", stages.Image: "IMAGE", stages.Task: "TASK", stages.Container: "CONTAINER", stages.Register: "REGISTER",
	stages.Assign: "ASSIGN", stages.Job: "JOB", stages.End: "END",
}

// printRuns lists runs, and writes nothing if there are none.
func printRuns(w io.Writer, screen readable.Screen, runs []report.Run, wide bool, now time.Time) error {
	columns := usualColumns
	if screen.Terminal() && screen.Width < narrow {
		columns = narrowColumns()
	}
	if wide {
		columns = wideColumns()
		if screen.Terminal() {
			screen.Width = 1 << 20
		}
	}
	list := readable.NewList(w, screen, columns...)
	for _, r := range runs {
		list.Row(cellsOf(r, screen, wide, now)...)
	}
	return list.Flush()
}

// wideColumns has none that is left out, so that programs find each where it was.
func wideColumns() []readable.Column {
	var columns []readable.Column
	add := func(names ...string) {
		for _, name := range names {
			columns = append(columns, readable.Column{Name: name})
		}
	}
	add("RUN", "WHEN", "REPOSITORY", "WORKFLOW", "JOB", "STATUS", "CLASS", "RUNS IN", "RUNNER")
	for _, name := range stages.Names() {
		columns = append(columns, readable.Column{Name: stageColumns[name], Drop: 1}) // if no run was in it
	}
	add("TOOK")
	return append(columns, readable.Column{Name: "REASON", Drop: 1})
}

func cellsOf(r report.Run, screen readable.Screen, wide bool, now time.Time) []any {
	status := string(r.Status)
	if r.Conclusion != "" && r.Conclusion != "success" && r.Status == fleet.RunCompleted {
		status += ", " + r.Conclusion
	}
	cells := []any{r.RunID, when(r.Times[fleet.StageReceived], screen, now), r.Repository, r.WorkflowName, r.JobName, readable.Coloured{Text: status, SGR: colourOf(r.Status, r.Conclusion)}}
	if wide {
		cells = append(cells, r.ClassName, shortImage(r.Image))
	}
	cells = append(cells, r.RunnerID)
	if wide {
		for _, name := range stages.Names() {
			cells = append(cells, readable.Took(r.Stages.Took(name)))
		}
	}
	return append(cells, readable.Took(r.Stages.Total), r.Reason+nextTry(r))
}

// nextTry says when a run is tried again, "" unless it is RETRYING.
func nextTry(r report.Run) string {
	switch {
	case r.Retry == nil:
		return ""
	case len(r.Retry.Trying) > 0:
		return "; " + strings.Join(r.Retry.Trying, ", ") + " is trying whether that is over"
	case r.Retry.Next.IsZero():
		return "; the next try is soon"
	}
	return "; the next try is at " + r.Retry.Next.Local().Format(time.TimeOnly)
}

// when is how long ago a time was, and for programs the time itself.
func when(at time.Time, screen readable.Screen, now time.Time) string {
	switch {
	case screen.Terminal():
		return age(at, now)
	case at.IsZero():
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
