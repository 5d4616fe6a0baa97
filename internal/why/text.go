package why

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// Text writes the answer as a page for people: the answer in one sentence, and then the
// details. Characters of strangers that do not print are removed.
func (a Answer) Text(w io.Writer, zone *time.Location) error {
	fmt.Fprintln(w, readable.Plain(a.Answer))
	section(w, [][2]string{
		{"repository", a.Job.Repository}, {"workflow", a.Job.WorkflowName}, {"job", a.Job.Name}, {"labels", strings.Join(a.Job.Labels, ", ")}, {"url", a.Job.HTMLURL},
	})
	section(w, [][2]string{{"decided", a.decided()}, {"status", a.status()}})
	if err := a.stagesText(w, zone); err != nil {
		return err
	}
	if x := a.Waits; x != nil {
		section(w, [][2]string{{"waits for", x.For}, {"until", a.until(zone)}, {"sooner after", x.Sooner}})
	}
	if a.Waits != nil {
		readable.Fields(w, [][2]string{{"whose business", a.Whose}})
	} else {
		section(w, [][2]string{{"whose business", a.Whose}})
	}
	var lines [][2]string
	for _, r := range a.Runners {
		lines = append(lines, [2]string{r.RunnerID, r.Says})
	}
	list(w, "runners", lines)
	lines = nil
	for _, n := range a.Notes {
		lines = append(lines, [2]string{"", n})
	}
	list(w, "also", lines)
	lines = nil
	for _, s := range a.Next {
		lines = append(lines, [2]string{"", s.Do})
		if s.Command != "" {
			lines = append(lines, [2]string{"", "  run: " + s.Command})
		}
	}
	list(w, "next", lines)
	return nil
}

// section writes fields after an empty line, and nothing if none has a value.
func section(w io.Writer, fields [][2]string) {
	for _, f := range fields {
		if f[1] != "" {
			fmt.Fprintln(w)
			readable.Fields(w, fields)
			return
		}
	}
}

// list writes lines under a title, each with the name of what it is about.
func list(w io.Writer, title string, lines [][2]string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, l := range lines {
		text := l[1]
		if l[0] != "" {
			text = l[0] + " " + text
		}
		fmt.Fprintln(w, "  "+readable.Plain(text))
	}
}

// decided is the decision, without a reason that the answer has already said.
func (a Answer) decided() string {
	d := a.Decision
	if d.Reason != "" && strings.Contains(a.Answer, d.Reason) {
		d.Reason = ""
	}
	return d.says()
}

func (a Answer) status() string {
	if a.Reason == "" || strings.Contains(a.Answer, a.Reason) || a.Waits != nil && a.Waits.For == a.Reason {
		return string(a.Status)
	}
	return string(a.Status) + ": " + a.Reason
}

func (a Answer) until(zone *time.Location) string {
	x := a.Waits
	if x.Until.IsZero() {
		return x.Event
	}
	left := "now"
	if d := x.Until.Sub(a.At); d > 0 {
		left = "in " + lasted(d)
	}
	return fmt.Sprintf("%s (%s): then %s", a.clock(x.Until, zone), left, x.Event)
}

// clock is a time of day, with its date if that is not the day of the answer.
func (a Answer) clock(at time.Time, zone *time.Location) string {
	at = at.In(zone)
	if at.Format(time.DateOnly) == a.At.In(zone).Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

func (a Answer) stagesText(w io.Writer, zone *time.Location) error {
	if len(a.Stages) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewTable(w, "SINCE", "STAGE", "TOOK")
	took := func(ms int64, open bool) string {
		text := readable.Took(&ms)
		if open {
			text += " so far"
		}
		return text
	}
	for _, s := range a.Stages {
		t.Row(a.clock(s.From, zone), s.Name, took(s.Took, s.Open))
	}
	t.Row(a.clock(a.Stages[0].From, zone), "in all, since GitHub queued the job", took(*a.Total, !a.Ended))
	return t.Flush()
}
