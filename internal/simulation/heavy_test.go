//go:build heavy

package simulation

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

// heavyTroubles are the scenarios with hundreds of jobs, which CI leaves out.
var heavyTroubles = []trouble{
	{"a credential is good again with 500 runs waiting", "a credential is good again with five hundred runs waiting", func(r Result) string {
		return inWords(r.LastAt-2*time.Hour) + " after it was good; launches were bound by " + r.Bound
	}},
	{"a matrix of 256 with `max-parallel: 1`, in 24 h", "a matrix of 256 jobs that runs one at a time", after("%s after GitHub let it")},
	{"no Fargate capacity for 6 h, and room for all", "Fargate has no capacity for six hours, with five hundred jobs waiting", nil},
	{"a thousand jobs in a minute, `max_runners: 1000`", "a thousand jobs in a minute", bound},
	{
		"a hostile repository's 2,040 jobs (1,000 image labels, 20 broken images, idle runners, runners with the honest one's names) beside 30 honest ones, `max_runners: 10`",
		"a hostile repository with a thousand jobs beside an honest one",
		func(r Result) string {
			return "all " + readable.Grouped(r.RanOf["octo/honest"]) + " of the honest one ran, the last after " + inWords(waitOf(r, "octo/honest"))
		},
	},
	{"the same 30 jobs without the hostile one", honestAlone, nil},
}

const honestAlone = "the honest repository alone"

// TestHeavyScenarios plays the scenarios that CI leaves out, and compares the docs' table of
// them. `make simulate-heavy` runs it.
func TestHeavyScenarios(t *testing.T) {
	files, err := filepath.Glob("heavy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	played := map[string]Result{}
	play := func(s Scenario) {
		t.Run(s.Name, func(t *testing.T) {
			r := Run(s, 1, Watch{})
			if err := s.Judge(r); err != nil {
				t.Error(err)
			}
			played[s.Name] = r
			t.Logf("%d of %d jobs ran, the last after %s; %d executions, %d tasks, %d builds, %d requests, $%.2f", r.Ran, r.Jobs, r.LastStart(), r.Executions, r.Tasks, r.Builds, r.Requests, r.Cost)
		})
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ReadScenario(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		play(s)
		if s.Name == "a hostile repository with a thousand jobs beside an honest one" {
			alone := s
			alone.Name, alone.Expect, alone.Events = honestAlone, []string{"every job runs"}, nil
			alone.Jobs = slices.DeleteFunc(slices.Clone(s.Jobs), func(j Job) bool { return j.Repository != "octo/honest" })
			play(alone)
		}
	}
	if len(played) <= len(files) { // a part was chosen, and the honest repository alone is one more than the files
		return
	}
	checkTable(t, troublesPage, "troubles with hundreds of jobs", troublesTable(t, heavyTroubles, played))
}
