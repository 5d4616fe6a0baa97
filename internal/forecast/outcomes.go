package forecast

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// count counts each job once: of one that was run again, the last attempt.
func (r *Result) count(lived []report.Lived, workload int) {
	r.Outcomes, r.Conclusions, r.NotRan, r.Refusals = map[fleet.RunStatus]int{}, map[string]int{}, map[fleet.RunStatus]int{}, map[string]int{}
	newest := map[int64]int{} // attempt of a workflow run
	for _, l := range lived {
		newest[l.Run.Job.WorkflowRunID] = max(newest[l.Run.Job.WorkflowRunID], l.Run.Attempt())
	}
	for _, l := range lived {
		run := l.Run
		if run.Attempt() < newest[run.Job.WorkflowRunID] && !fleet.EndedWell(run.Conclusion) {
			r.Reruns++
			continue
		}
		r.Jobs++
		r.Outcomes[run.Shown()]++
		started := !run.At(fleet.StageJobStarted).IsZero()
		if started {
			r.Ran++
		}
		if started && run.Conclusion != "" {
			r.Conclusions[run.Conclusion]++
		} else {
			r.NotRan[run.Shown()]++
		}
		if !run.Status.Terminal() {
			r.Open++
		}
		if run.Status == fleet.RunRefused {
			r.Refusals[run.Reason]++
		}
	}
	r.Unheard = max(0, workload-r.Jobs-r.NotOurs-r.NotServed)
}

// outcomes writes what became of the jobs. The rows add up to those of the workload.
func (r Result) outcomes(w io.Writer) error {
	t := readable.NewTable(w, "OUTCOME", "JOBS")
	for _, conclusion := range byCount(r.Conclusions) {
		t.Row("ran: "+conclusion, r.Conclusions[conclusion])
	}
	for _, status := range fleet.RunStatuses() {
		name := strings.ToLower(strings.ReplaceAll(string(status), "_", " "))
		if status == fleet.RunCancelled || status == fleet.RunCompleted {
			name += ", and never ran"
		}
		if n := r.NotRan[status]; n > 0 {
			t.Row(name, n)
		}
	}
	for _, row := range []struct {
		name string
		n    int
	}{
		{"not the fleet's, by their labels", r.NotOurs},
		{"of repositories that it does not serve", r.NotServed},
		{"ended before the fleet heard of them", r.Unheard},
	} {
		if row.n > 0 {
			t.Row(row.name, row.n)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Reruns > 0 {
		fmt.Fprintf(w, "%s run again, since Spot took the runner back; here each counts once, as it ended last\n", jobsWere(r.Reruns))
	}
	if text := r.cutOff(); text != "" {
		fmt.Fprintln(w, text)
	}
	return r.refusals(w)
}

// cutOff says that jobs had not ended, "" if they had.
func (r Result) cutOff() string {
	if r.Open == 0 {
		return ""
	}
	return fmt.Sprintf("the simulation ended after %s with %s not ended", Lasts(time.Duration(r.Lasted)*time.Millisecond), jobs(r.Open))
}

// mostRefusals is how many reasons are printed.
const mostRefusals = 10

func (r Result) refusals(w io.Writer) error {
	if len(r.Refusals) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := readable.NewTable(w, "JOBS", "REFUSED BECAUSE")
	reasons := byCount(r.Refusals)
	for _, reason := range reasons[:min(len(reasons), mostRefusals)] {
		t.Row(r.Refusals[reason], readable.Plain(reason))
	}
	if more := reasons[min(len(reasons), mostRefusals):]; len(more) > 0 {
		n := 0
		for _, reason := range more {
			n += r.Refusals[reason]
		}
		t.Row(n, fmt.Sprintf("of %d other reasons: --json has them", len(more)))
	}
	return t.Flush()
}

func jobs(n int) string {
	if n == 1 {
		return "1 job"
	}
	return readable.Grouped(n) + " jobs"
}

func jobsWere(n int) string {
	if n == 1 {
		return "1 job was"
	}
	return jobs(n) + " were"
}

func runners(n int) string {
	if n == 1 {
		return "1 runner"
	}
	return readable.Grouped(n) + " runners"
}

// within is the time in which jobs came.
func within(d time.Duration) string {
	if d < time.Minute {
		return "within a minute"
	}
	return "within " + Lasts(d)
}

// billed is a time of Fargate.
func billed(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case seconds == 0:
		return "no time"
	case d < time.Hour:
		return fmt.Sprintf("%.1f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.1f hours", d.Hours())
}

// told has a line for each result that did not come to its end.
func told(results []Result, key string) (lines []string) {
	for _, r := range results {
		if text := r.cutOff(); text != "" {
			lines = append(lines, fmt.Sprintf("%s %s: %s", key, r.Varied, text))
		}
	}
	return lines
}
