package forecast

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// Report is a forecast: one result, or one for each value of a varied key. Its JSON is
// stable.
type Report struct {
	Simulated bool     `json:"simulated"` // always: nothing of it was measured
	Workload  Workload `json:"workload"`
	Config    string   `json:"config"` // file of the configuration; "" is the default
	Faults    string   `json:"faults"` // none, rough or a file
	Seed      uint64   `json:"seed"`
	Vary      string   `json:"vary,omitempty"` // the key that was varied
	Results   []Result `json:"results"`
	// Assumptions are what the numbers rest on.
	Assumptions []string `json:"assumptions"`
}

// Workload is what was simulated.
type Workload struct {
	Name       string    `json:"name"`
	Made       bool      `json:"made"` // from the seed: no one has had these jobs
	Start      time.Time `json:"start,omitzero"`
	Jobs       int       `json:"jobs"`
	Lasts      int64     `json:"lasts_ms"`   // from the first job to the last
	Unfinished int       `json:"unfinished"` // jobs of the file that had not ended, and are left out
}

// NewReport is a report without results.
func NewReport(p Plan, configFile, faults string) Report {
	w := p.Workload
	return Report{
		Simulated: true, Config: configFile, Faults: faults, Seed: p.Seed, Results: []Result{}, Assumptions: p.Assumptions(),
		Workload: Workload{Name: w.Name, Made: w.Made, Start: w.Start, Jobs: len(w.Jobs), Lasts: w.Lasts().Milliseconds(), Unfinished: w.Unfinished},
	}
}

// Text writes the report for people. maxRunners is that of the configuration.
func (r Report) Text(w io.Writer, screen readable.Screen, maxRunners int) error {
	name := readable.Plain(r.Workload.Name)
	if r.Workload.Made {
		name = "the made workload " + name
	}
	on := "the default configuration"
	if r.Config != "" {
		on = readable.Plain(r.Config)
	}
	limit := fmt.Sprintf(" with max_runners %d", maxRunners)
	if r.Vary == "max_runners" {
		limit = ""
	}
	fmt.Fprintf(w, "SIMULATED: %s of %s %s, on %s%s; faults: %s; seed %d\n", jobs(r.Workload.Jobs), name,
		within(time.Duration(r.Workload.Lasts)*time.Millisecond), on, limit, readable.Plain(r.Faults), r.Seed)
	switch n := r.Workload.Unfinished; {
	case n == 1:
		fmt.Fprintln(w, "1 job of the file had not ended, and is left out")
	case n > 1:
		fmt.Fprintf(w, "%s jobs of the file had not ended, and are left out\n", readable.Grouped(n))
	}
	fmt.Fprintln(w)
	var err error
	if r.Vary != "" {
		err = RowsText(w, screen, r.Vary, r.Results)
	} else {
		err = r.Results[0].Text(w)
	}
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\nWhat this rests on:\n")
	for _, text := range r.Assumptions {
		fmt.Fprint(w, wrapped("- "+text, 100))
	}
	return nil
}

// wrapped breaks a text into lines of a width; those after the first are indented.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n  ")
			column = 2
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String() + "\n"
}
