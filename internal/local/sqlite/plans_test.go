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
				rows, err := s.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
				if err != nil {
					t.Fatal(err)
				}
				var plan []string
				for rows.Next() {
					var id, parent, unused int
					var step string
					if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
						t.Fatal(err)
					}
					plan = append(plan, step)
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
				told := strings.Join(plan, "; ")
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
