package bench

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the figures for people, and in the end what of a job's time was the fleet's
// and what was the stand-ins'.
func (r Result) Text(out io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("JOBS", "%d of %g s, %d at once, in %.1f s: %.1f a second", r.Jobs, r.JobSeconds, r.Concurrency, r.Seconds, r.JobRate)
	row("WEBHOOKS", "%d: %.1f a second", r.Webhooks, r.HookRate)
	row("ERRORS", "%d, and %d warnings; %d runners came too late for their job", r.Errors, r.Warnings, r.TooLate)
	row("RECORDS", "%d ended runs at the start; the database has %s", r.Records, mib(r.Database))
	row("OVERHEAD", "%s", r.Overhead)
	row("JOB", "%s", r.Job)
	row("LIVE RUNNER", "%s of Go's memory, %s resident, %.2f descriptors, %.2f goroutines (of %d)", kib(r.Live.Heap), kib(r.Live.Resident), r.Live.Descriptors, r.Live.Goroutines, r.Live.Runners)
	row("PROCESSOR", "%.2f ms a job; %.2f ms more in the stand-ins", r.CPUPerJob, r.StandInsCPU)
	row("MEMORY", "%s resident at most", mib(r.PeakResident))
	row("MACHINE", "%s/%s, %d processors, %s, load average %s", r.Machine.OS, r.Machine.Arch, r.Machine.Processors, r.Machine.Go, cmp.Or(r.Machine.Load, "not known"))
	_ = t.Flush() // into memory
	b.WriteString("\nWhere a job's time went:\n")
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		who, what string
		took      Percentiles
	}{
		{"the fleet", "from the webhook to the start of the runner", r.Overhead},
		{"stand-ins: " + strings.Join(r.StandIns, " and "), "from there to the end of the runner; the claim, which the fleet answers, is in it", r.StandInPart},
		{"the fleet", "from there until the runner's record is closed", r.Closing},
	} {
		fmt.Fprintf(t, "%.1f ms\t%s\t%s\n", part.took.P50, part.who, part.what)
	}
	_ = t.Flush()
	_, err := io.WriteString(out, b.String())
	return err
}

// String is for people.
func (p Percentiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, at most %.1f ms", p.P50, p.P95, p.P99, p.Max)
}

func kib(bytes int64) string { return fmt.Sprintf("%.0f KiB", float64(bytes)/1024) }
func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
