package simulation

import (
	"flag"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
)

var update = flag.Bool("update", false, "write the docs' tables of what was measured here")

const warmPage = "../../docs/warm-runners.md"

// TestTheWorkingDayOfTheDocs plays the day that the docs compare: without warm runners, with
// them, and with a GitHub that deletes them.
func TestTheWorkingDayOfTheDocs(t *testing.T) {
	named := map[string]Scenario{}
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		named[s.Name] = s
	}
	warm, deleted := named["a working day with warm runners"], named["GitHub deletes warm runners after three minutes"]
	cold := warm
	cold.Fleet.Warm, cold.Expect = nil, nil
	table := doctable.New("", "half of the jobs began after", "95 of 100", "the day cost")
	for _, row := range []struct {
		what string
		of   Scenario
	}{
		{"no warm runners", cold},
		{"two, and GitHub leaves them alone", warm},
		{"two, and GitHub deletes what idles for 3 min", deleted},
	} {
		r := Run(row.of, 1, Watch{})
		if r.Jobs == 0 || r.Ran != r.Jobs {
			t.Fatalf("%s: %d of %d jobs ran", row.what, r.Ran, r.Jobs)
		}
		table.Row(row.what, inSeconds(percentile(r.Waits, 50)), inSeconds(percentile(r.Waits, 95)), fmt.Sprintf("$%.2f", r.Cost))
	}
	checkTable(t, warmPage, "working day", table)
}

func inSeconds(s float64) string {
	return (time.Duration(math.Round(s)) * time.Second).String()
}
