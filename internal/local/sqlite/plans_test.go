package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// TestListsOfRunsAreReadByIndex asks SQLite how it answers: a query that scans the table, or
// that sorts what it has found, takes longer the more runs there are.
func TestListsOfRunsAreReadByIndex(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for index, list := range map[string]report.RunList{
		"runs_by_time":       {By: report.ByTime},
		"runs_open":          {By: report.ByOpen},
		"runs_by_repository": report.RepositoryList("octo/app"),
		"runs_by_class":      {By: report.ByClass, Of: "small"},
		"runs_by_status":     {By: report.ByEnd, Of: string(fleet.RunFailed)},
	} {
		for _, below := range []report.Place{{}, {At: at, RunID: "job-7"}} {
			for _, since := range []time.Time{{}, at.Add(-time.Hour)} {
				query, args := runsQuery(list, below, since, 30)
				told := plan(t, s, query, args...)
				unbounded := list.By == report.ByTime || list.By == report.ByOpen
				first := below == report.Place{} && since.IsZero()
				if want := "SEARCH runs USING INDEX " + index; !strings.Contains(told, want+" ") && !(unbounded && first && told == "SCAN runs USING INDEX "+index) {
					t.Errorf("%+v: %s, want %s", list, told, want)
				}
				if strings.Contains(told, "TEMP B-TREE") {
					t.Errorf("%+v sorts: %s", list, told)
				}
			}
		}
	}
}

// plan is how SQLite answers a query.
func plan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// TestWhatIsShownIsReadByIndex, too: what `runs show`, `why` and the lists read beside runs.
func TestWhatIsShownIsReadByIndex(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, _ := runnersQuery(report.Place{}, time.Time{}, 1)
	older, _ := runnersQuery(report.Place{At: time.Now(), RunID: "fleet-1-1"}, time.Now(), 1)
	for query, want := range map[string]string{
		all:                  "SEARCH runners USING INDEX runners_by_time (launched_at>?)",
		older:                "SEARCH runners USING INDEX runners_by_time (launched_at>? AND (launched_at,runner_id)<(?,?))",
		runnersByID + ", ?)": "SEARCH runners USING INDEX sqlite_autoindex_runners_1 (runner_id=?)",
		holdsBelow:           "SEARCH holds USING INDEX sqlite_autoindex_holds_1 (key>? AND key<?)",
		newestRuns:           "SCAN runs USING INDEX runs_by_time", // as far as its limit
		newestRunners:        "SCAN runners USING INDEX runners_by_time",
		runnersOfRun:         "SEARCH runners USING INDEX runners_by_run (run_id=?); USE TEMP B-TREE FOR LAST TERM OF ORDER BY", // of a run's few
	} {
		if got := plan(t, s, query, make([]any, strings.Count(query, "?"))...); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
