//go:build peers

package peers

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
)

// rounds is how often each subject is measured, one after the other in turn.
const rounds = 5

var update = flag.Bool("update", false, "write the tables into docs/performance.md")

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func middle(of []int64) int64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1e3)
}
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1e3)
}
func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

// show logs a table, and writes it into the page if that was asked for.
func show(tb testing.TB, t *doctable.Table, name string) {
	tb.Helper()
	tb.Log("\n" + t.String())
	if !*update {
		return
	}
	if err := t.Write("../../docs/performance.md", name); err != nil {
		tb.Fatal(err)
	}
}
