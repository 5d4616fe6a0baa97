package readable

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
)

// RunDetails shows a run and the trace of each of its executions, with times in a zone.
func RunDetails(w io.Writer, d report.RunDetails, zone *time.Location) error {
	r := d.Run
	fields := [][2]string{
		{"run", r.RunID}, {"repository", r.Repository}, {"job", r.JobName}, {"workflow", r.WorkflowName}, {"url", r.HTMLURL},
		{"labels", strings.Join(r.Labels, ", ")}, {"status", string(r.Status)}, {"conclusion", r.Conclusion},
		{"reason", r.Reason}, {"rule", r.Rule}, {"refusal", r.Notice}, {"rerun", r.Rerun}, {"class", r.ClassName}, {"image", r.Image}, {"runner", r.RunnerID},
	}
	Fields(w, fields)
	Fields(w, retry(r.Retry, zone))
	Fields(w, Actions(r.Actions, zone))
	Fields(w, [][2]string{{"stages", stagesOf(r.Stages)}})
	for _, e := range d.Executions {
		fmt.Fprintln(w)
		if err := trace(w, e, zone); err != nil {
			return err
		}
	}
	return nil
}

// stagesOf shows the stages that a run was in, which are its whole time together.
func stagesOf(s report.Stages) string {
	var parts []string
	for _, name := range stages.Names() {
		took := s.Took(name)
		if took == nil {
			continue
		}
		part := string(name) + " " + Took(took)
		if s.Open == string(name) {
			part += " so far"
		}
		parts = append(parts, part)
	}
	if s.Total == nil {
		return ""
	}
	return strings.TrimPrefix(strings.Join(parts, ", ")+"; ", "; ") + "in all " + Took(s.Total)
}

// retry says when a run is tried again, and what makes it sooner.
func retry(r *report.Retry, zone *time.Location) [][2]string {
	if r == nil {
		return nil
	}
	next := "soon"
	if !r.Next.IsZero() {
		next = r.Next.In(zone).Format(time.DateTime)
	}
	switch {
	case len(r.Trying) > 0:
		next = "once " + strings.Join(r.Trying, ", ") + " has tried whether that is over"
	case r.Turn:
		next += ", of one of the runs that wait for " + r.Hold
	}
	return [][2]string{{"next try", next}, {"sooner after", r.Sooner}, {"whose business", r.Whose}}
}

// Actions says what operators did, one field for each action.
func Actions(actions []report.Action, zone *time.Location) (fields [][2]string) {
	for _, a := range actions {
		says := a.At.In(zone).Format(time.DateTime) + " " + a.By + ": " + a.Did()
		if a.RunnerID != "" {
			says += " (" + a.RunnerID + ")"
		}
		fields = append(fields, [2]string{"operator", says})
	}
	return fields
}

// FieldFormat is a name and its value; the longest name is that of a stage.
const FieldFormat = "%-15s  %s\n"

// Fields shows the fields that have a value.
func Fields(w io.Writer, fields [][2]string) {
	for _, f := range fields {
		if f[1] != "" {
			fmt.Fprintf(w, FieldFormat, f[0], Plain(bounded(f[1])))
		}
	}
}

// mostShown bounds the bytes of a field: strangers give jobs their names.
const mostShown = 2000

func bounded(text string) string {
	if len(text) <= mostShown {
		return text
	}
	return strings.ToValidUTF8(text[:mostShown], "") + fmt.Sprintf("… (%d bytes; --json has them all)", len(text))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// trace shows an execution as one line per state that it went through.
func trace(w io.Writer, e report.Execution, zone *time.Location) error {
	fmt.Fprintf(w, "execution %s: %s", e.Name, e.Status)
	if e.Error != "" {
		fmt.Fprintf(w, " with %s: %s", e.Error, Plain(sentence(e.Cause)))
	}
	fmt.Fprintln(w)
	if e.ConsoleURL != "" {
		fmt.Fprintln(w, "  "+e.ConsoleURL)
	}
	t := NewTable(w, "  AT", "STATE", "TOOK", "WHAT")
	for _, v := range visits(e) {
		took := ""
		if !v.left.IsZero() {
			took = v.left.Sub(v.entered).Round(time.Millisecond).String()
		}
		t.Row("  "+Clock(v.entered, zone), v.state, took, strings.Join(v.notes, "; "))
	}
	return t.Flush()
}

// visit is one stay in one state.
type visit struct {
	state         string
	entered, left time.Time
	notes         []string
}

// visits reads an execution's history as the states that it went through, with the
// events in each.
func visits(e report.Execution) []visit {
	var all []visit
	for _, event := range e.Events {
		switch {
		case strings.HasSuffix(event.Type, "StateEntered"):
			all = append(all, visit{state: event.State, entered: event.Timestamp})
		case len(all) == 0:
		case strings.HasSuffix(event.Type, "StateExited"):
			all[len(all)-1].left = event.Timestamp
		case strings.HasPrefix(event.Type, "Execution"):
			if v := &all[len(all)-1]; v.left.IsZero() {
				v.left = event.Timestamp
			}
		default:
			v := &all[len(all)-1]
			if note := noteOf(event); note != "" {
				v.notes = append(v.notes, note)
			}
		}
	}
	return all
}

// noteOf says what an event of a task means, "" if it adds nothing.
func noteOf(event execution.Event) string {
	switch {
	case event.Error != "":
		return strings.TrimSuffix(event.Error+": "+sentence(event.Cause), ": ")
	case strings.HasSuffix(event.Type, "Succeeded"):
		return outcome(event.Output)
	}
	return ""
}

// sentence takes the message out of a Lambda function's cause, which is JSON.
func sentence(cause string) string {
	var reported struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &reported) == nil && reported.Message != "" {
		return reported.Message
	}
	return cause
}

// outcome shows the fields of a step's answer that are for people.
func outcome(output json.RawMessage) string {
	var fields map[string]any
	if json.Unmarshal(output, &fields) != nil {
		return ""
	}
	if ready, ok := fields["ready"].(map[string]any); ok { // what the states that make it would say
		for _, part := range ready {
			found, _ := part.(map[string]any)
			maps.Copy(fields, found)
		}
	}
	var said []string
	for _, key := range []string{"decision", "outcome", "class_name", "digest", "arn", "reason", "runner_status", "run_status", "conclusion", "next_runner_id"} {
		if v, ok := fields[key]; ok && v != "" {
			said = append(said, fmt.Sprintf("%s %v", key, v))
		}
	}
	return strings.Join(said, ", ")
}
