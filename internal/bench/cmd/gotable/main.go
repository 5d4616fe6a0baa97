// Command gotable compares what `go test -bench` printed into a file with the baseline, and
// writes the comparison as a table into docs/performance.md.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"errors"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/bench/gobench"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gotable BASELINE NEW")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gotable:", err)
		os.Exit(1)
	}
}

func run(baseline, now string) error {
	was, err := read(baseline)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	is, err := read(now)
	if err != nil {
		return err
	}
	table := is.Table(was)
	note := fmt.Sprintf("%s/%s, %d processors, %s, %s%s.", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly), load())
	if ratio, known := is.Metric("sqlite DurableTransition", "transition/commit"); known {
		note += fmt.Sprintf(" A durable transition took %.1f times as long as one commit of as many bytes.", ratio)
	}
	table.Note("%s", note)
	return table.Write("docs/performance.md", "go benchmarks")
}

func read(file string) (gobench.Figures, error) {
	text, err := os.Open(file)
	if err != nil {
		return gobench.Figures{}, err
	}
	defer text.Close()
	return gobench.Read(text)
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return ", load average " + strings.Join(strings.Fields(string(text))[:3], " ")
}
