package simulation

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

const (
	troublesPage = "../../docs/operations.md"
	costPage     = "../../docs/cost.md"
)

// trouble is a row of the docs' tables of what troubles cost.
type trouble struct {
	says     string
	scenario string              // its name
	last     func(Result) string // when the last job ran; nil is how long it waited
}

// after is how long the last job waited, in a sentence.
func after(sentence string) func(Result) string {
	return func(r Result) string { return fmt.Sprintf(sentence, inWords(r.LastStart())) }
}

// bound is after, with what kept the jobs from starting sooner.
func bound(r Result) string { return inWords(r.LastStart()) + "; launches were bound by " + r.Bound }

func always(text string) func(Result) string { return func(Result) string { return text } }

var troubles = []trouble{
	{"a build takes 40 minutes", "a build of forty minutes", after("%s, with the build")},
	{"generate-jitconfig answers 503 for 2 h", "generate-jitconfig answers 503 for two hours", nil},
	{"GitHub assigns nothing for 2 h", "GitHub assigns nothing for two hours", nil},
	{"the API does not know a job for ten seconds", "the API does not know a job for ten seconds", nil},
	{"the token is invalid for 8 h, then replaced", "the token is invalid for eight hours, then replaced", func(r Result) string {
		return inWords(r.LastAt-(8*time.Hour+30*time.Minute)) + " after it was replaced"
	}},
	{"the token is replaced, and functions have the old one", "the token is replaced and the old one revoked", nil},
	{"GitHub is down for 2 h", "GitHub is down for two hours", nil},
	{"five jobs, held one after another for 10 h", "five jobs, held one after another for ten hours", nil},
	{"an approval after 60 h", "an environment is approved after sixty hours", nil},
	{"no Fargate capacity for 3 h", "Fargate has no capacity for three hours", nil},
	{"one subnet without addresses, for ever, beside one with", "one subnet has no addresses beside one that has", nil},
	{"image pulls fail for 3 h", "image pulls fail for three hours", nil},
	{"an image whose build fails until a deployment after 3 h", "an image whose build fails until a deployment after three hours", nil},
	{"GitHub deletes idle registrations after 3 min", "GitHub deletes idle registrations after three minutes", nil},
	{"GitHub accepts the token for lists and refuses with 401 to register for 3 h", "GitHub answers 401 to registrations alone", nil},
	{"GitHub refuses every registration with 422 for 3 h", "GitHub refuses every registration as it is", nil},
	{"registration is down for one of two repositories for 3 h", "registration is down for one repository", func(r Result) string {
		return inWords(r.LastStart()) + "; the other one's within " + inWords(waitOf(r, "octo/well"))
	}},
	{"runners die just after they registered for 6 h", "runners die just after they registered", nil},
	{"two repositories with 60 jobs of 5 h, and an honest one, `max_runners: 20`", "two hostile repositories with long jobs beside an honest one", func(r Result) string {
		return "the honest one's within " + inWords(waitOf(r, "octo/honest"))
	}},
	{"a job stays queued in a workflow run that is over", "a job stays queued in a workflow run that is over", always("its run ends, with that reason")},
	{"a matrix of 256 in two seconds, `max_runners: 300`", "a matrix of 256 jobs in two seconds", bound},
	{"30 % of all webhooks are lost for good", "a third of all webhooks is lost for good", func(r Result) string {
		return inWords(r.LastStart()) + "; half of the jobs have started after " + inWords(r.Start(50))
	}},
	{"jobs of others take ten runners", "jobs of others take every runner that they can", after("%s, and one launch for each theft")},
}

// endless are the troubles that never end.
var endless = []trouble{
	{"30 jobs whose image never builds", "a day with thirty jobs whose image never builds", nil},
	{"a job that GitHub matches otherwise: a runner group, a label that only looks alike", "a day with a job that GitHub matches otherwise", nil},
	{"a job that a concurrency group or `max-parallel` holds", "a day with a job that a concurrency group holds", nil},
	{"ten jobs of a repository that the token may not see, and five of another", "a day with ten jobs of a repository that the token may not see", nil},
}

// checkTroubles compares the docs' tables with what came of the scenarios.
func checkTroubles(t *testing.T, played map[string]Result) {
	t.Helper()
	checkTable(t, troublesPage, "troubles", troublesTable(t, troubles, played))
	table := doctable.New("a day with", "executions", "tasks", "requests to GitHub", "of these counted by its limit", "cost")
	for _, row := range endless {
		r := resultOf(t, played, row.scenario)
		table.Row(row.says, readable.Grouped(r.Executions), tasksOf(r), readable.Grouped(r.Requests), readable.Grouped(counted(r)), dollars(r.Cost))
	}
	checkTable(t, troublesPage, "troubles that never end", table)
}

// checkRequests compares the docs' table of what fleets ask GitHub.
func checkRequests(t *testing.T, played map[string]Result) {
	t.Helper()
	table := doctable.New("a fleet with", "counted in an hour at most", "free", "points a minute, of 900")
	for _, row := range []trouble{
		{says: "one repository and one job", scenario: "an environment is approved after sixty hours"},
		{says: "14 quiet repositories", scenario: "fourteen quiet repositories"},
		{says: "one repository with 90 workflow runs on GitHub's own runners", scenario: "ninety workflow runs on GitHub's own runners"},
		{says: "200 jobs an hour", scenario: "two hundred jobs an hour"},
		{says: "the same, 100 quiet repositories, and one with 1,000 workflow runs on GitHub's own runners", scenario: "two hundred jobs an hour beside a hundred repositories"},
		{says: "an organization of 2,000 repositories and a GitHub App, 50 of them with the 200 jobs an hour", scenario: "two thousand repositories of an organization, fifty of them active"},
	} {
		r := resultOf(t, played, row.scenario)
		free := 100 * float64(r.Requests-counted(r)) / float64(r.Requests)
		table.Row(row.says, readable.Grouped(r.MostAnHour), fmt.Sprintf("%.0f %%", math.Floor(free)), readable.Grouped(r.MostPoints))
	}
	checkTable(t, costPage, "requests of fleets", table)
}

func troublesTable(t *testing.T, rows []trouble, played map[string]Result) *doctable.Table {
	t.Helper()
	table := doctable.New("trouble", "jobs", "executions", "tasks", "requests to GitHub", "cost", "last job")
	for _, row := range rows {
		r := resultOf(t, played, row.scenario)
		last := row.last
		if last == nil {
			last = after("%s")
		}
		table.Row(row.says, readable.Grouped(r.Jobs), readable.Grouped(r.Executions), tasksOf(r), readable.Grouped(r.Requests), dollars(r.Cost), last(r))
	}
	return table
}

func resultOf(t *testing.T, played map[string]Result, scenario string) Result {
	t.Helper()
	r, known := played[scenario]
	if !known {
		t.Fatalf("no scenario is called %q", scenario)
	}
	return r
}

func checkTable(t *testing.T, path, name string, table *doctable.Table) {
	t.Helper()
	if *update {
		if err := table.Write(path, name); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "<!-- "+name+" -->\n"+table.String()+"<!-- end of "+name+" -->\n") {
		t.Errorf("%s has another table of %s than this; -update writes it:\n%s", path, name, table)
	}
}

// counted is how many requests GitHub's limit of the hour counted.
func counted(r Result) int {
	all := 0
	for _, n := range r.Counted {
		all += n
	}
	return all
}

func waitOf(r Result, repository string) time.Duration {
	return time.Duration(r.WaitOf[repository]) * time.Second
}

func tasksOf(r Result) string {
	switch r.Builds {
	case 0:
		return readable.Grouped(r.Tasks)
	case 1:
		return readable.Grouped(r.Tasks) + ", 1 build"
	}
	return fmt.Sprintf("%s, %d builds", readable.Grouped(r.Tasks), r.Builds)
}

func dollars(d float64) string {
	if d < 0.01 {
		return "less than $0.01"
	}
	return fmt.Sprintf("$%.2f", d)
}

// inWords is a span as the docs write it: 1 h 2 min 3 s.
func inWords(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, unit := range []struct {
		is   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / unit.is; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
		}
		d %= unit.is
	}
	return cmp.Or(strings.Join(parts, " "), "at once")
}
