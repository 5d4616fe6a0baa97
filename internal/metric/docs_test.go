package metric_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/metric"
)

var update = flag.Bool("update", false, "write the tables of "+page)

const page = "../../docs/metrics.md"

// TestThePageHasTheList writes the table of docs/metrics.md, or compares it.
func TestThePageHasTheList(t *testing.T) {
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- metrics: made by a test of internal/metric -->\n", "<!-- end of metrics -->"
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("docs/metrics.md has no place for the table")
	}
	want := before + begin + table() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("docs/metrics.md (-want +is; -update writes it):\n%s", diff)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| on AWS | on one machine | kind | unit | by | meaning |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, m := range metric.All() {
		cloudWatch, by := "`"+string(m.Name)+"`", ""
		if m.Place == metric.OneMachine {
			cloudWatch = ""
		}
		if m.By != "" {
			by = "`" + string(m.By) + "`"
		}
		prometheus, _ := m.Prometheus()
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", cloudWatch, prometheus, m.Kind, m.Unit, by, m.Meaning)
	}
	return b.String()
}
