//go:build peers

package peers

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// rounds is how often each subject is measured, one after the other in turn.
const rounds = 5

var update = flag.Bool("update", false, "write the tables into docs/performance.md")

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1e3)
}
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1e3)
}
func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

// table is a table of docs/performance.md, between two comments with its name.
type table struct{ lines []string }

func newTable(columns ...string) *table {
	t := &table{}
	t.row(columns...)
	t.lines = append(t.lines, "|"+strings.Repeat(" --- |", len(columns)))
	return t
}

func (t *table) row(cells ...string) { t.lines = append(t.lines, "| "+strings.Join(cells, " | ")+" |") }

// show logs the table, and writes it into the page if that was asked for.
func (t *table) show(tb testing.TB, name string) {
	tb.Helper()
	text := strings.Join(t.lines, "\n")
	tb.Log("\n" + text)
	if !*update {
		return
	}
	const page = "../../docs/performance.md"
	doc, err := os.ReadFile(page)
	if err != nil {
		tb.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		tb.Fatalf("%s has no place for the table %s", page, name)
	}
	if err := os.WriteFile(page, []byte(before+begin+text+"\n"+end+after), 0o644); err != nil {
		tb.Fatal(err)
	}
}
