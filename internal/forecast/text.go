package forecast

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// Text writes the result for people.
func (r Result) Text(w io.Writer) error {
	if err := r.outcomes(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := readable.NewTable(w, "WAITED FOR", "JOBS", "P50", "P95", "P99", "LONGEST")
	if p := r.Wait; p != nil {
		t.Row("a runner, in all", p.Count, readable.Took(&p.P50), readable.Took(&p.P95), readable.Took(&p.P99), readable.Took(&p.Max))
	}
	for _, part := range r.Waited {
		t.Row("  "+string(part.For), part.Count, readable.Took(&part.P50), readable.Took(&part.P95), readable.Took(&part.P99), readable.Took(&part.Max))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, table := range []struct {
		head, column string
		of           map[string]int
		third        string
		about        func(name string) string
	}{
		{"SETBACK", "RUNNERS", r.Failures, "WHOSE BUSINESS", func(name string) string { return fleet.KindOf(name).Whose() }},
		{"REPAIR BY THE SWEEP", "TIMES", r.Repairs, "", nil},
		{"FAULT", "STRUCK", r.Faults, "WHAT IT DOES", does},
	} {
		if len(table.of) == 0 {
			continue
		}
		fmt.Fprintln(w)
		columns := []string{table.head, table.column}
		if table.third != "" {
			columns = append(columns, table.third)
		}
		t := readable.NewTable(w, columns...)
		for _, name := range byCount(table.of) {
			row := []any{name, table.of[name]}
			if table.third != "" {
				row = append(row, table.about(name))
			}
			t.Row(row...)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return r.sums(w)
}

// sums writes what has no table.
func (r Result) sums(w io.Writer) error {
	tasks := fmt.Sprintf("%s for %s; %s open and %s waiting at most", readable.Grouped(r.Tasks.Count), billed(r.Tasks.Seconds), runners(r.Tasks.MostAtOnce), jobs(r.Tasks.MostWaiting))
	if r.Tasks.SpotSeconds > 0 {
		tasks += fmt.Sprintf("; %d %% of the time on Spot", r.Tasks.SpotSeconds*100/max(1, r.Tasks.Seconds))
	}
	cost := fmt.Sprintf("%s: Fargate %s, control plane %s, image builds %s; GitHub's own runners %s", r.Cost.Total, r.Cost.Fargate, r.Cost.ControlPlane, r.Cost.Builds, r.Cost.Hosted)
	if r.Cost.NotCompared > 0 {
		cost += fmt.Sprintf(", without %s for which GitHub has none as large", jobs(r.Cost.NotCompared))
	}
	for _, line := range [][2]string{
		{"tasks", tasks},
		{"warm runners", r.Warm.String()},
		{"launches", "bound by " + r.Bound},
		{"image builds", readable.Grouped(r.Builds)},
		{"GitHub requests", fmt.Sprintf("%s, of which its limit counts %s; %s of %s in an hour at most", readable.Grouped(r.Requests.All), readable.Grouped(r.Requests.Counted), readable.Grouped(r.Requests.MostAnHour), readable.Grouped(r.Requests.Limit))},
		{"cost", cost},
	} {
		if line[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-16s %s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	for _, v := range r.Violations {
		fmt.Fprintf(w, "\nA rule that must always hold did not, in the fleet or in the simulation. Please report it: %s\n", v)
	}
	return nil
}

// RowsText writes a row for each result of a varied key.
func RowsText(w io.Writer, screen readable.Screen, key string, results []Result) error {
	columns := []readable.Column{
		{Name: strings.ToUpper(key)}, {Name: "RAN"}, {Name: "WAIT P50"}, {Name: "P95"}, {Name: "P99"}, {Name: "LONGEST", Drop: 3}, {Name: "ROOM P95", Drop: 2},
		{Name: "SETBACKS", Drop: 4}, {Name: "RUNNERS", Drop: 1}, {Name: "REQUESTS/H", Drop: 5}, {Name: "COST"},
	}
	withPools := slices.ContainsFunc(results, func(r Result) bool { return r.Warm != nil })
	if withPools {
		columns = append(columns, readable.Column{Name: "JOBS ON WARM", Drop: 1}, readable.Column{Name: "LOST IDLE", Drop: 2}, readable.Column{Name: "IDLING COST"})
	}
	list := readable.NewPage(w, screen, columns...)
	for _, r := range results {
		p50, p95, p99, longest, room := "", "", "", "", ""
		if p := r.Wait; p != nil {
			p50, p95, p99, longest = readable.Took(&p.P50), readable.Took(&p.P95), readable.Took(&p.P99), readable.Took(&p.Max)
		}
		for _, part := range r.Waited {
			if part.For == Room {
				room = readable.Took(&part.P95)
			}
		}
		row := []any{r.Varied, r.Ran, p50, p95, p99, longest, room, sum(r.Failures), r.Tasks.MostAtOnce, r.Requests.MostAnHour, r.Cost.Total}
		if withPools {
			row = append(row, r.Warm.row()...)
		}
		list.Row(row...)
	}
	if err := list.Flush(); err != nil {
		return err
	}
	for _, line := range told(results, key) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// byCount are names, the most frequent first.
func byCount[V ~int](counts map[string]V) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
