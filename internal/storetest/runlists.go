package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// writeHistory writes runs of two repositories and two classes in all statuses, two of them
// received at a time.
func writeHistory(t *testing.T, s Store) (runs []fleet.Run) {
	statuses := []fleet.RunStatus{
		fleet.RunQueued, fleet.RunRetrying, fleet.RunWaiting, fleet.RunImageCreating, fleet.RunStarting, fleet.RunWaitingForJob, fleet.RunRunning,
		fleet.RunCompleted, fleet.RunCancelled, fleet.RunFailed, fleet.RunGone, fleet.RunRefused, fleet.RunCompleted,
	}
	for i := range 26 {
		job := fleet.Job{JobID: int64(100 + i), Repository: []string{"octo/App", "octo/web", "octo/app"}[i%3], WorkflowName: []string{"CI", "Nightly"}[i/13]}
		r := fleet.NewRun(job, now.Add(time.Duration(i/2)*time.Minute+time.Nanosecond))
		r.Status = statuses[i%len(statuses)]
		if r.Status == fleet.RunRetrying { // no record has it
			r.Status, r.Setback = fleet.RunQueued, &fleet.Setback{Kind: fleet.SetbackStart, NextTry: now}
		}
		if i%4 != 3 {
			r.ClassName = []string{"small", "large"}[i/2%2]
		}
		runs = append(runs, r)
	}
	for some := range slices.Chunk(runs, 10) {
		write(t, s, fleet.Changes{Runs: some})
	}
	slices.SortFunc(runs, func(a, b fleet.Run) int { return report.PlaceOf(a).Compare(report.PlaceOf(b)) })
	return runs
}

func runLists(t *testing.T, s Store) {
	runs := writeHistory(t, s)
	// Two runs are received at each time.
	places := []report.Place{{}, {At: now.Add(7*time.Minute + time.Nanosecond)}, report.PlaceOf(runs[9]), report.PlaceOf(runs[10])}
	sinces := []time.Time{{}, now.Add(3*time.Minute + time.Nanosecond), now.Add(3*time.Minute + 2*time.Nanosecond), now.Add(time.Hour)}
	for _, list := range []report.RunList{
		{By: report.ByTime}, {By: report.ByOpen}, report.RepositoryList("Octo/APP"), report.RepositoryList("octo/none"),
		{By: report.ByClass, Of: "small"}, {By: report.ByClass, Of: "none"}, {By: report.ByEnd, Of: string(fleet.RunCompleted)},
	} {
		for _, below := range places {
			for _, since := range sinces {
				var want []string
				for _, r := range runs {
					if at := report.PlaceOf(r); list.Has(r) && !at.At.Before(since) && (below == report.Place{} || at.Compare(below) > 0) {
						want = append(want, r.RunID)
					}
				}
				limit := len(runs)
				if since.IsZero() {
					limit = 3
				}
				got := pagesOf(t, s, list, below, since, limit)
				mustList(t, fmt.Sprintf("%v below %v since %v by %d", list, below, since, limit), got, nil, want...)
			}
		}
	}
}

// pagesOf reads a list to its end, in pages.
func pagesOf(t *testing.T, s Store, list report.RunList, below report.Place, since time.Time, limit int) (all []fleet.Run) {
	t.Helper()
	for range 99 {
		read, err := s.RunsBelow(t.Context(), list, below, since, limit)
		if must(t, err); len(read.Runs) > limit {
			t.Fatalf("%v: %d runs, want %d at most", list, len(read.Runs), limit)
		}
		if all = append(all, read.Runs...); (read.Next == report.Place{}) {
			return all
		}
		below = read.Next
	}
	t.Fatalf("%v has no end", list)
	return nil
}

// runnerList has two runners launched at each time.
func runnerList(t *testing.T, s Store) {
	var runners []fleet.Runner
	for i := range 26 {
		r := fleet.Runner{Schema: fleet.Schema, RunnerID: fmt.Sprintf("fleet-%d-1", 100+i), Phase: []fleet.Phase{fleet.Closed, fleet.Open}[i%2], Times: fleet.Times{}}
		runners = append(runners, r.Mark(fleet.StageLaunched, now.Add(time.Duration(i/2)*time.Minute+time.Nanosecond)))
	}
	for some := range slices.Chunk(runners, 10) {
		write(t, s, fleet.Changes{Runners: some})
	}
	slices.SortFunc(runners, func(a, b fleet.Runner) int { return report.PlaceOfRunner(a).Compare(report.PlaceOfRunner(b)) })
	for _, below := range []report.Place{{}, {At: now.Add(7*time.Minute + time.Nanosecond)}, report.PlaceOfRunner(runners[9]), report.PlaceOfRunner(runners[10])} {
		for _, since := range []time.Time{{}, now.Add(3*time.Minute + time.Nanosecond), now.Add(3*time.Minute + 2*time.Nanosecond), now.Add(time.Hour)} {
			var want, got []string
			for _, r := range runners {
				if at := report.PlaceOfRunner(r); !at.At.Before(since) && (below == report.Place{} || at.Compare(below) > 0) {
					want = append(want, r.RunnerID)
				}
			}
			for next, pages := below, 0; ; pages++ {
				read, err := s.RunnersBelow(t.Context(), next, since, 3)
				if must(t, err); len(read.Runners) > 3 || pages > 99 {
					t.Fatalf("page %d has %d runners, want 3 at most", pages, len(read.Runners))
				}
				for _, r := range read.Runners {
					got = append(got, r.RunnerID)
				}
				if next = read.Next; next == (report.Place{}) {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("below %v since %v: %q, want %q", below, since, got, want)
			}
		}
	}
}

func runsMove(t *testing.T, s Store) {
	open, refused := report.RunList{By: report.ByOpen}, report.RunList{By: report.ByEnd, Of: string(fleet.RunRefused)}
	in := func(when string, list report.RunList, want ...string) {
		t.Helper()
		read, err := s.RunsBelow(t.Context(), list, report.Place{}, time.Time{}, 9)
		mustList(t, when, read.Runs, err, want...)
	}
	write(t, s, fleet.Changes{Runs: []fleet.Run{runAt(1, 0), runAt(2, 1)}})
	in("open runs", open, "job-2", "job-1")
	in("runs of no class yet", report.RunList{By: report.ByClass, Of: "small"})
	changeRun(t, s, "job-1", func(r *fleet.Run) { r.ClassName = "small" })
	in("runs of a class", report.RunList{By: report.ByClass, Of: "small"}, "job-1")
	changeRun(t, s, "job-1", func(r *fleet.Run) { r.ClassName = "large" })
	in("runs of the class that one left", report.RunList{By: report.ByClass, Of: "small"})
	changeRun(t, s, "job-1", func(r *fleet.Run) { *r = r.Move(fleet.RunRefused, "why") })
	in("open runs after one was refused", open, "job-2")
	in("refused runs", refused, "job-1")
	changeRun(t, s, "job-1", func(r *fleet.Run) { *r = r.Move(fleet.RunRunning, "") })
	in("refused runs after one ran after all", refused)
	in("open runs after it", open, "job-2", "job-1")
}

func findRuns(t *testing.T, s Store) {
	runs := writeHistory(t, s)
	for name, q := range map[string]report.RunQuery{
		"all":                               {},
		"one that has ended":                {Statuses: []fleet.RunStatus{fleet.RunRefused}},
		"RETRYING, which no record has":     {Statuses: []fleet.RunStatus{fleet.RunRetrying}},
		"QUEUED, but not RETRYING":          {Statuses: []fleet.RunStatus{fleet.RunQueued}},
		"open and ended ones":               {Statuses: []fleet.RunStatus{fleet.RunGone, fleet.RunRunning, fleet.RunFailed, fleet.RunWaiting}},
		"COMPLETED among others":            {Statuses: []fleet.RunStatus{fleet.RunCompleted, fleet.RunQueued}},
		"a repository in another case":      {Repository: "OCTO/app"},
		"a repository and a status":         {Repository: "octo/app", Statuses: []fleet.RunStatus{fleet.RunCompleted}},
		"a repository and open statuses":    {Repository: "octo/web", Statuses: []fleet.RunStatus{fleet.RunRunning, fleet.RunQueued}},
		"a class":                           {Class: "large"},
		"a class and a workflow":            {Class: "large", Workflow: "nightly"},
		"a workflow":                        {Workflow: "ci"},
		"since a time":                      {Since: now.Add(5*time.Minute + time.Nanosecond)},
		"before a time":                     {Before: now.Add(5*time.Minute + time.Nanosecond)},
		"between times, of a repository":    {Since: now.Add(2 * time.Minute), Before: now.Add(9 * time.Minute), Repository: "octo/web"},
		"all of it":                         {Since: now, Before: now.Add(time.Hour), Repository: "octo/app", Class: "small", Workflow: "CI", Statuses: []fleet.RunStatus{fleet.RunCompleted}},
		"nothing there":                     {Repository: "octo/none"},
		"times the other way round":         {Since: now.Add(9 * time.Minute), Before: now.Add(2 * time.Minute)},
		"a class of none, and a repository": {Class: "none", Repository: "octo/app"},
	} {
		var want []string
		for _, r := range runs {
			if q.Matches(r) {
				want = append(want, r.RunID)
			}
		}
		for _, limit := range []int{5, 100} {
			q, got := q, []fleet.Run{}
			q.Limit = limit
			for pages := 0; ; pages++ {
				found, err := report.SearchRuns(t.Context(), s, q)
				if must(t, err); len(found.Runs) > limit || pages > len(runs) {
					t.Fatalf("%s: page %d has %d runs", name, pages, len(found.Runs))
				}
				if found.Looked < len(found.Runs) || found.Looked > 0 && found.Oldest.IsZero() {
					t.Errorf("%s: %d runs were found, and %d looked at, the oldest of %v", name, len(found.Runs), found.Looked, found.Oldest)
				}
				if got = append(got, found.Runs...); found.Next == "" {
					break
				}
				q.After = found.Next
			}
			mustList(t, fmt.Sprintf("%s, by %d", name, limit), got, nil, want...)
		}
	}
	if _, err := report.SearchRuns(t.Context(), s, report.RunQuery{After: "job-1"}); err == nil {
		t.Error("a run's id is taken for a cursor")
	}
}

func runnersByID(t *testing.T, s Store) {
	var ids []string
	for tens := range 13 {
		var changes fleet.Changes
		for i := range 10 {
			ids = append(ids, fmt.Sprintf("f-%03d-1", 10*tens+i))
			changes.Runners = append(changes.Runners, runner(ids[len(ids)-1]))
		}
		write(t, s, changes)
	}
	for _, asked := range [][]string{nil, {"f-007-1"}, {"f-none-1"}, ids} {
		runners, err := s.RunnersByID(t.Context(), append(asked, "f-000-9"))
		slices.SortFunc(runners, func(a, b fleet.Runner) int {
			return report.Place{RunID: b.RunnerID}.Compare(report.Place{RunID: a.RunnerID})
		})
		var want []string
		for _, id := range asked {
			if id != "f-none-1" {
				want = append(want, id)
			}
		}
		mustList(t, fmt.Sprintf("runners of %d ids", len(asked)), runners, err, want...)
	}
}
