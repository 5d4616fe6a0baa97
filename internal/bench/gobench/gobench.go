// Package gobench reads what `go test -bench` prints, and compares two such texts by their
// medians. benchstat says which differences mean something; this makes the docs' table.
package gobench

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
)

// Figures are what benchmarks measured, by package and name, then by unit.
type Figures struct {
	names  []string // in the order of the text
	values map[string]map[string][]float64
}

// Read reads a text of one or many runs. Other lines than those of results are left out.
func Read(text io.Reader) (Figures, error) {
	f := Figures{values: map[string]map[string][]float64{}}
	lines := bufio.NewScanner(text)
	pkg := ""
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name[strings.LastIndex(name, "/")+1:]
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		name := pkg + " " + nameOf(fields[0])
		if f.values[name] == nil {
			f.names = append(f.names, name)
			f.values[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return Figures{}, fmt.Errorf("%s: %q is no number", name, fields[i])
			}
			f.values[name][fields[i+1]] = append(f.values[name][fields[i+1]], value)
		}
	}
	return f, lines.Err()
}

// nameOf is a benchmark's name without what go test adds.
func nameOf(text string) string {
	name := strings.TrimPrefix(text, "Benchmark")
	if at := strings.LastIndex(name, "-"); at > 0 {
		if _, err := strconv.Atoi(name[at+1:]); err == nil {
			return name[:at]
		}
	}
	return name
}

// median is false if nothing was measured in that unit.
func (f Figures) median(name, unit string) (float64, bool) {
	sorted := slices.Sorted(slices.Values(f.values[name][unit]))
	if len(sorted) == 0 {
		return 0, false
	}
	return sorted[len(sorted)/2], true
}

// Table compares with a baseline: a ratio of 1 is no change, and less is better.
func (f Figures) Table(baseline Figures) *doctable.Table {
	table := doctable.New("benchmark", "time", "of the baseline", "allocated", "of the baseline", "allocations", "of the baseline")
	for _, name := range f.names {
		cells := []string{name}
		for _, unit := range []string{"ns/op", "B/op", "allocs/op"} {
			now, measured := f.median(name, unit)
			if unit == "ns/op" && now == 0 {
				now, measured = f.median(name, "ns/transition")
			}
			if !measured {
				cells = append(cells, "", "")
				continue
			}
			was, known := baseline.median(name, unit)
			if unit == "ns/op" && was == 0 {
				was, known = baseline.median(name, "ns/transition")
			}
			cells = append(cells, shown(now, unit), ratio(now, was, known))
		}
		table.Row(cells...)
	}
	return table
}

// Metric is a figure that a benchmark reports itself.
func (f Figures) Metric(name, unit string) (value float64, known bool) { return f.median(name, unit) }

func ratio(now, was float64, known bool) string {
	switch {
	case !known:
		return "new"
	case was == 0 && now == 0:
		return "1.00"
	case was == 0:
		return "more than none"
	}
	return fmt.Sprintf("%.2f", now/was)
}

func shown(value float64, unit string) string {
	switch unit {
	case "ns/op":
		switch {
		case value >= 1e6:
			return fmt.Sprintf("%.1f ms", value/1e6)
		case value >= 1e3:
			return fmt.Sprintf("%.1f µs", value/1e3)
		}
		return fmt.Sprintf("%.0f ns", value)
	case "B/op":
		if value >= 10<<10 {
			return fmt.Sprintf("%.0f KiB", value/1024)
		}
		return fmt.Sprintf("%.0f B", value)
	}
	return fmt.Sprintf("%.0f", value)
}
