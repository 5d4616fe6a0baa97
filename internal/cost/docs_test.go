package cost

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// TestTheExampleOfTheDocs writes the example of docs/cost.md, or compares it: 300 jobs on
// demand, and 100 on Spot of which Spot interrupted ten.
func TestTheExampleOfTheDocs(t *testing.T) {
	const page, begin, end = "../../docs/cost.md", "<!-- example: made by a test of internal/cost -->\n```\n", "```\n<!-- end of example -->"
	sizes := map[string]fleet.Class{"medium": {CPU: 2048, Memory: 4096}, "large": {CPU: 8192, Memory: 16384, Arch: fleet.ARM64, Spot: true}}
	c := NewCounter(ByClass, price.In(""), sizes, at(1e6), time.UTC)
	for i := range 400 {
		class, seconds := "medium", 60+i*7%500
		if i%4 == 3 {
			class = "large"
		}
		id := int64(i)
		l := report.Lived{Run: fleet.Run{RunID: fleet.RunID(id), ClassName: class, Times: fleet.Times{fleet.StageJobStarted: at(45), fleet.StageJobCompleted: at(45 + seconds)}}}
		if i%40 == 3 {
			l.Runners = append(l.Runners, runner(class, 0, 0, 300))
		}
		last := runner(class, len(l.Runners), 0, 45+seconds+5)
		last.RunnerID = fleet.RunnerID("ci", id, 2)
		l.Run.RanOn, l.Runners = last.RunnerID, append(l.Runners, last)
		c.Add(l)
	}
	var example bytes.Buffer
	if err := c.Report().Text(&example, readable.Screen{}); err != nil {
		t.Fatal(err)
	}
	for _, note := range c.Report().Notes(false) {
		fmt.Fprintln(&example, note)
	}
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("docs/cost.md has no place for the example")
	}
	want := before + begin + example.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("docs/cost.md (-want +is; -update writes it):\n%s", diff)
	}
}
