package dynamo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// A run is in the indexes that its record belongs to, and pays for no others.
func TestARunIsInItsIndexes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fleet.Run)
		want   string // repository, class, ended, unfinished
	}{
		"queued":    {func(*fleet.Run) {}, "octo-org/app,,,run"},
		"admitted":  {func(r *fleet.Run) { r.ClassName = "large" }, "octo-org/app,large,,run"},
		"ended":     {func(r *fleet.Run) { r.ClassName = "large"; *r = r.Move(fleet.RunRefused, "why") }, "octo-org/app,large,REFUSED,"},
		"of no one": {func(r *fleet.Run) { r.Job.Repository = "" }, ",,,run"},
	} {
		r := run(7)
		r.Job.Repository = "Octo-Org/App"
		c.change(&r)
		server := &listening{}
		must(t, server.store().Write(t.Context(), fleet.Changes{Runs: []fleet.Run{r}}))
		item := server.puts(t)["run#job-7"].Item
		got := strings.Join([]string{item["repository"]["S"], item["class"]["S"], item["ended"]["S"], item["unfinished"]["S"]}, ",")
		if got != c.want {
			t.Errorf("%s: in %s, want %s", name, got, c.want)
		}
		for _, attribute := range []string{"repository", "class", "ended", "unfinished"} {
			if value, there := item[attribute]; there && value["S"] == "" {
				t.Errorf("%s: %s is empty, which DynamoDB takes for no key", name, attribute)
			}
		}
	}
}

// A list is one question to its index, whatever it has; a range without any time is none.
func TestAListOfRunsIsOneQuestion(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		list  report.RunList
		below report.Place
		since time.Time
		want  []string // parts of the request, none if there is no request
	}{
		"the newest":         {list: report.RunList{By: report.ByTime}, want: []string{`"IndexName":"newest"`, `":of":{"S":"run"}`, `#since \u003c= :up_to`, `"Limit":5`, `"ScanIndexForward":false`}},
		"open ones":          {list: report.RunList{By: report.ByOpen}, want: []string{`"IndexName":"unfinished"`}},
		"of a repository":    {list: report.RepositoryList("O/R"), want: []string{`"IndexName":"repository"`, `":of":{"S":"o/r"}`}},
		"of a class, a day":  {list: report.RunList{By: report.ByClass, Of: "small"}, below: report.Place{At: at, RunID: "job-7"}, since: at.Add(-24 * time.Hour), want: []string{`"IndexName":"class"`, `BETWEEN`, `"2026-06-30T12:00:00.000000000Z"`, `"2026-07-01T12:00:00.000000000Z#job-7"`}},
		"that have failed":   {list: report.RunList{By: report.ByEnd, Of: "FAILED"}, want: []string{`"IndexName":"ended"`, `":of":{"S":"FAILED"}`}},
		"before it was made": {list: report.RunList{By: report.ByTime}, below: report.Place{At: at}, since: at.Add(time.Second)},
	} {
		server := &listening{}
		_, err := server.store().RunsBelow(t.Context(), c.list, c.below, c.since, 3)
		must(t, err)
		asked := 0
		for _, r := range server.requests {
			if r.operation != "Query" {
				t.Errorf("%s: %s", name, r.operation)
			}
			asked++
			for _, part := range c.want {
				if !strings.Contains(strings.ReplaceAll(r.body, "<=", `\u003c=`), part) {
					t.Errorf("%s: %s is not in %s", name, part, r.body)
				}
			}
		}
		if want := min(1, len(c.want)); asked != want {
			t.Errorf("%s: %d questions, want %d", name, asked, want)
		}
	}
}
