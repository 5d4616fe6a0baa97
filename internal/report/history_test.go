package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// lives is a Source of runs with runners.
type lives struct {
	*history
	runners []fleet.Runner
	asked   int // runners, at once
}

func (l *lives) RunnersByID(_ context.Context, ids []string) (found []fleet.Runner, _ error) {
	l.asked = max(l.asked, len(ids))
	for _, r := range l.runners {
		if slices.Contains(ids, r.RunnerID) {
			found = append(found, r)
		}
	}
	return found, nil
}

// readLives reads a history as text: each run with its runners.
func readLives(t *testing.T, l *lives, q RunQuery, most int) (text string, read HistoryRead) {
	t.Helper()
	var lines []string
	read, err := History(t.Context(), l, q, most, func(page []Lived) error {
		for _, lived := range page {
			line := lived.Run.RunID + ":"
			for _, r := range lived.Runners {
				line += " " + r.RunnerID
			}
			lines = append(lines, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n"), read
}

// TestARunnerBelongsToOneRun: one that took another run's job is counted there, and the
// sums over all runs have every runner once.
func TestARunnerBelongsToOneRun(t *testing.T) {
	runner := func(id, of string, took int64, launched int) fleet.Runner {
		return fleet.Runner{RunnerID: id, RunID: of, Took: took, Times: fleet.Times{fleet.StageLaunched: after(launched)}}
	}
	l := &lives{history: historyOf(3, 9), runners: []fleet.Runner{
		runner("f-1-1", "job-1", 2, 10), // took the job of run 2
		runner("f-1-2", "job-1", 1, 30),
		runner("f-2-1", "job-2", 0, 20), // fruitless
		runner("f-3-1", "job-3", 3, 40), // GitHub took the job back
		runner("f-3-2", "job-3", 3, 50),
	}}
	for i := range l.runs {
		run := &l.runs[i]
		switch run.RunID {
		case "job-1":
			run.Launched, run.LastRunner, run.RanOn = 2, "f-1-2", "f-1-2"
		case "job-2":
			run.Launched, run.LastRunner, run.RanOn = 1, "f-2-1", "f-1-1"
		case "job-3":
			run.Launched, run.LastRunner, run.RanOn, run.RanBefore = 2, "f-3-2", "f-3-2", []string{"f-3-1"}
		}
	}
	text, read := readLives(t, l, RunQuery{}, 100)
	if diff := cmp.Diff("job-3: f-3-1 f-3-2\njob-2: f-1-1 f-2-1\njob-1: f-1-2", text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if read.Looked != 3 || read.Cut || !read.Oldest.Equal(noon.Add(-2*time.Second)) {
		t.Errorf("%+v", read)
	}
}

func TestAHistoryIsReadInPages(t *testing.T) {
	for name, c := range map[string]struct {
		runs, most int
		looked     int
		cut        bool
	}{
		"none":                    {0, 10, 0, false},
		"all there are":           {2500, 5000, 2500, false},
		"as many as may be":       {2500, 2500, 2500, false},
		"fewer than there are":    {2500, 1700, 1700, true},
		"fewer than a page of it": {2500, 7, 7, true},
	} {
		l := &lives{history: historyOf(c.runs, 9)}
		for i := range l.runs {
			l.runs[i].Launched, l.runs[i].LastRunner = 3, fmt.Sprintf("f-%d-3", l.runs[i].Job.JobID)
		}
		text, read := readLives(t, l, RunQuery{}, c.most)
		if lines := strings.Count(text, ":"); lines != c.looked || read.Looked != c.looked || read.Cut != c.cut {
			t.Errorf("%s: %d lines, %+v", name, lines, read)
		}
		if l.asked > readTogether {
			t.Errorf("%s: %d runners at once", name, l.asked)
		}
	}
}
