// Command fleettable measures fleets of several sizes with `ecsrunner bench`, and with
// -update writes them as a table into docs/performance.md. Its argument is the program.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/bench"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
)

const page = "docs/performance.md"

// rows are the flags of each measurement.
var rows = [][]string{
	{"--jobs", "100"},
	{"--jobs", "1000"},
	{"--jobs", "10000"},
	{"--jobs", "1000", "--records", "1000"},
	{"--jobs", "1000", "--records", "1000000"},
	{"--jobs", "1000", "--job-time", "0s"},
}

func main() {
	update := flag.Bool("update", false, "write the table into "+page)
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: fleettable [-update] ECSRUNNER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *update); err != nil {
		fmt.Fprintln(os.Stderr, "fleettable:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, update bool) error {
	table := doctable.New("jobs", "each takes", "ended runs before", "jobs a second", "webhooks a second", "overhead p50", "p95", "p99", "memory of a live runner", "descriptors", "processor time of a job", "load average before", "errors")
	var last bench.Result
	for _, flags := range rows {
		r, err := measure(ctx, program, flags)
		if err != nil {
			return err
		}
		last = r
		table.Row(strconv.Itoa(r.Jobs), fmt.Sprintf("%g s", r.JobSeconds), strconv.Itoa(r.Records), fmt.Sprintf("%.1f", r.JobRate), fmt.Sprintf("%.1f", r.HookRate),
			milliseconds(r.Overhead.P50), milliseconds(r.Overhead.P95), milliseconds(r.Overhead.P99),
			fmt.Sprintf("%d KiB", max(r.Live.Heap, r.Live.Resident)>>10), fmt.Sprintf("%.1f", r.Live.Descriptors), milliseconds(r.CPUPerJob), minute(r.Machine.Load), strconv.Itoa(r.Errors))
	}
	m := last.Machine
	table.Note("%s/%s, %d processors, %s, %s; stand-ins: %s and %s, in a process of their own; at most %d jobs at once.", m.OS, m.Arch, m.Processors, m.Go, time.Now().Format(time.DateOnly), last.StandIns[0], last.StandIns[1], last.Concurrency)
	fmt.Print(table)
	if !update {
		return nil
	}
	return table.Write(page, "fleet")
}

// minute is the load average over the last minute.
func minute(load string) string {
	of, _, _ := strings.Cut(load, " ")
	return of
}

func milliseconds(ms float64) string { return fmt.Sprintf("%.1f ms", ms) }

func measure(ctx context.Context, program string, flags []string) (r bench.Result, err error) {
	fmt.Fprintf(os.Stderr, "ecsrunner bench %v\n", flags)
	cmd := exec.CommandContext(ctx, program, append([]string{"bench", "--json"}, flags...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if len(out) == 0 && err != nil {
		return r, fmt.Errorf("ecsrunner bench %v: %w", flags, err)
	}
	return r, json.Unmarshal(out, &r) // with errors it has figures, too
}
