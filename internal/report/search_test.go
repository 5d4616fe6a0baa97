package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// history is a Source of runs, the newest first, that counts the runs which are read.
type history struct {
	Source
	runs []fleet.Run
	read int
}

// historyOf has n runs, a second apart, of which one in every has failed.
func historyOf(n, every int) *history {
	h := &history{}
	for i := range n {
		job := fleet.Job{JobID: int64(n - i), Repository: "octo/app", WorkflowName: "CI"}
		run := fleet.NewRun(job, noon.Add(-time.Duration(i)*time.Second))
		if run.Status = fleet.RunCompleted; i%every == every-1 {
			run.Job.WorkflowName = "Nightly"
		}
		h.runs = append(h.runs, run)
	}
	return h
}

func (h *history) RunsBelow(_ context.Context, list RunList, below Place, since time.Time, limit int) (RunsRead, error) {
	var read RunsRead
	from := 0
	if below != (Place{}) { // runs are a second apart
		from = max(0, min(len(h.runs), int(PlaceOf(h.runs[0]).At.Sub(below.At)/time.Second)))
	}
	for _, run := range h.runs[from:] {
		if at := PlaceOf(run); !list.Has(run) || at.At.Before(since) || below != (Place{}) && at.Compare(below) <= 0 {
			continue
		}
		if len(read.Runs) == limit {
			read.Next = PlaceOf(read.Runs[limit-1])
			break
		}
		read.Runs = append(read.Runs, run)
	}
	h.read += len(read.Runs)
	return read, nil
}

func TestAPageIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		runs, every int
		q           RunQuery
		found       int
		looked      int
		read        int // at most
		last        bool
	}{
		"all there are":                           {10, 1, RunQuery{Limit: 30}, 10, 10, 10, true},
		"exactly as many as are asked for":        {30, 1, RunQuery{Limit: 30}, 30, 30, 31, true},
		"one more than are asked for":             {31, 1, RunQuery{Limit: 30}, 30, 30, 31, false},
		"of very many, by index":                  {100_000, 1, RunQuery{Limit: 30, Repository: "octo/app"}, 30, 30, 31, false},
		"without a limit":                         {5000, 1, RunQuery{}, MostListed, MostListed, MostListed + 1, false},
		"more than may be listed":                 {5000, 1, RunQuery{Limit: 4000}, MostListed, MostListed, MostListed + 1, false},
		"the first that match, not by index":      {5000, 10, RunQuery{Limit: 5, Workflow: "nightly"}, 5, 50, readAtOnce, false},
		"too few that match among the newest":     {5000, 700, RunQuery{Limit: 5, Workflow: "Nightly"}, 2, MostLookedAt, MostLookedAt + readAtOnce, false},
		"none that match among the newest":        {5000, 1, RunQuery{Limit: 5, Workflow: "none"}, 0, MostLookedAt, MostLookedAt + readAtOnce, false},
		"none that match, and no more to look at": {MostLookedAt, 1, RunQuery{Limit: 5, Workflow: "none"}, 0, MostLookedAt, MostLookedAt, true},
	} {
		h := historyOf(c.runs, c.every)
		found, err := SearchRuns(t.Context(), h, c.q)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Runs) != c.found || found.Looked != c.looked || h.read > c.read || (found.Next == "") != c.last {
			t.Errorf("%s: found %d, looked at %d, read %d, next %q", name, len(found.Runs), found.Looked, h.read, found.Next)
		}
		if want := noon.Add(-time.Duration(c.looked-1) * time.Second); !found.Oldest.Equal(want) {
			t.Errorf("%s: the oldest is of %v, want %v", name, found.Oldest, want)
		}
	}
}

// TestPagesGoOn: together they have what matches, whatever they looked at.
func TestPagesGoOn(t *testing.T) {
	h := historyOf(7000, 700)
	q, got, pages := RunQuery{Workflow: "Nightly", Limit: 5}, []string{}, 0
	for ; pages == 0 || q.After != ""; pages++ {
		found, err := SearchRuns(t.Context(), h, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range found.Runs {
			got = append(got, run.RunID)
		}
		q.After = found.Next
	}
	var want []string
	for i := 699; i < 7000; i += 700 {
		want = append(want, fmt.Sprintf("job-%d", 7000-i))
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 4 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
}

// TestACursorAndATimeBefore: the older one of the two counts.
func TestACursorAndATimeBefore(t *testing.T) {
	h := historyOf(100, 1)
	for _, c := range []struct{ after, before, want int }{{10, 20, 20}, {20, 10, 21}, {20, 20, 21}} {
		q := RunQuery{Limit: 1, After: PlaceOf(h.runs[c.after]).cursor(), Before: noon.Add(-time.Duration(c.before-1) * time.Second)}
		found, err := SearchRuns(t.Context(), h, q)
		if err != nil || len(found.Runs) != 1 || found.Runs[0].RunID != h.runs[c.want].RunID {
			t.Errorf("after %d and before %d: %v, %v", c.after, c.before, found.Runs, err)
		}
	}
}

func TestWhatIsNoCursor(t *testing.T) {
	for _, text := range []string{"job-1", "%", "MjAyNg", "am9iIzE", strings.Repeat("x", 9999)} {
		_, err := SearchRuns(t.Context(), historyOf(1, 1), RunQuery{After: text})
		if not := (NotACursor{}); !errors.As(err, &not) || not.Text != text {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestTheNarrowestLists(t *testing.T) {
	failed, completed, running, queued := fleet.RunFailed, fleet.RunCompleted, fleet.RunRunning, fleet.RunQueued
	for name, c := range map[string]struct {
		q    RunQuery
		want []RunList
	}{
		"nothing asked":                 {RunQuery{}, []RunList{{By: ByTime}}},
		"a time":                        {RunQuery{Since: noon}, []RunList{{By: ByTime}}},
		"a workflow":                    {RunQuery{Workflow: "CI"}, []RunList{{By: ByTime}}},
		"a repository":                  {RunQuery{Repository: "Octo/App"}, []RunList{{ByRepository, "octo/app"}}},
		"a class":                       {RunQuery{Class: "small"}, []RunList{{ByClass, "small"}}},
		"a repository and a class":      {RunQuery{Class: "small", Repository: "o/r"}, []RunList{{ByRepository, "o/r"}}},
		"a repository and COMPLETED":    {RunQuery{Repository: "o/r", Statuses: []fleet.RunStatus{completed, failed}}, []RunList{{ByRepository, "o/r"}}},
		"a repository and FAILED":       {RunQuery{Repository: "o/r", Statuses: []fleet.RunStatus{failed}}, []RunList{{ByEnd, "FAILED"}}},
		"open statuses":                 {RunQuery{Statuses: []fleet.RunStatus{running, queued, fleet.RunRetrying}}, []RunList{{By: ByOpen}}},
		"open, FAILED and COMPLETED":    {RunQuery{Statuses: []fleet.RunStatus{running, failed, queued, completed}}, []RunList{{By: ByOpen}, {ByEnd, "FAILED"}, {ByEnd, "COMPLETED"}}},
		"a class and open and refused":  {RunQuery{Class: "small", Statuses: []fleet.RunStatus{running, fleet.RunRefused}}, []RunList{{By: ByOpen}, {ByEnd, "REFUSED"}}},
		"a class and COMPLETED, FAILED": {RunQuery{Class: "small", Statuses: []fleet.RunStatus{completed, failed}}, []RunList{{ByClass, "small"}}},
	} {
		if diff := cmp.Diff(c.want, c.q.lists()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// twice is a run in two lists: it moved from one to the other while they were read.
type twice struct{ Source }

func (twice) RunsBelow(context.Context, RunList, Place, time.Time, int) (RunsRead, error) {
	return RunsRead{Runs: []fleet.Run{{RunID: "job-1", Status: fleet.RunRunning, Times: fleet.Times{fleet.StageReceived: noon}}}}, nil
}

func TestARunThatMovesIsFoundOnce(t *testing.T) {
	found, err := SearchRuns(t.Context(), twice{}, RunQuery{Statuses: []fleet.RunStatus{fleet.RunRunning, fleet.RunFailed}})
	if err != nil || len(found.Runs) != 1 || found.Looked != 1 || found.Next != "" {
		t.Errorf("%+v, %v", found, err)
	}
}

// byID is a Source of a few records by their keys.
type byID struct {
	Source
	runs    []fleet.Run
	runners []fleet.Runner
}

func (s byID) Run(_ context.Context, id string) (fleet.Run, bool, error) {
	for _, r := range s.runs {
		if r.RunID == id {
			return r, true, nil
		}
	}
	return fleet.Run{}, false, nil
}

func (s byID) Runner(_ context.Context, id string) (fleet.Runner, bool, error) {
	found, err := s.RunnersByID(context.Background(), []string{id})
	return append(found, fleet.Runner{})[0], len(found) > 0, err
}

func (s byID) RunnersByID(_ context.Context, ids []string) (found []fleet.Runner, _ error) {
	for _, r := range s.runners {
		if slices.Contains(ids, r.RunnerID) {
			found = append(found, r)
		}
	}
	return found, nil
}

// TestTheRunsOfARunner are known from its own record, however many runs there are.
func TestTheRunsOfARunner(t *testing.T) {
	src := byID{
		runs: []fleet.Run{
			{RunID: "job-1", Job: fleet.Job{JobID: 1}, RanOn: "f-2-1", LastRunner: "f-1-1"},
			{RunID: "job-2", Job: fleet.Job{JobID: 2}, RunnerID: "f-1-1", LastRunner: "f-2-1"},
			{RunID: "job-3", Job: fleet.Job{JobID: 3}, LastRunner: "f-3-2"},
		},
		runners: []fleet.Runner{
			{RunnerID: "f-1-1", RunID: "job-1", For: "job-2"}, // swapped with f-2-1
			{RunnerID: "f-2-1", RunID: "job-2", Took: 1, ClassName: "large"},
			{RunnerID: "f-3-1", RunID: "job-3"}, // f-3-2 came after it
			{RunnerID: "f-4-1", RunID: "job-4"}, // whose run is forgotten
		},
	}
	for id, want := range map[string]string{"f-1-1": "job-2", "f-2-1": "job-1", "f-3-1": "", "f-4-1": ""} {
		runs, runner, err := RunsOfRunner(t.Context(), src, id, noon)
		got := ""
		for _, r := range runs {
			got += r.RunID
		}
		if got != want || runner.RunnerID != id || err != nil {
			t.Errorf("%s: run %q of runner %q, %v; want %q", id, got, runner.RunnerID, err, want)
		}
	}
	if runs, _, err := RunsOfRunner(t.Context(), src, "f-2-1", noon); len(runs) != 1 || runs[0].ClassName != "large" {
		t.Errorf("%+v, %v: want it shown with its runner's class", runs, err)
	}
	if _, _, err := RunsOfRunner(t.Context(), src, "f-9-1", noon); !errors.Is(err, NotFound{"runner", "f-9-1"}) {
		t.Errorf("a runner that there is not: %v", err)
	}
}
