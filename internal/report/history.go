package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// MostRead bounds a history.
const MostRead = 1_000_000

// readTogether is how many runners are read at once.
const readTogether = 1000

// Lived is a run with the runners whose time and cost belong to it, in the order of their
// launches: a runner that took another job belongs to that job's run.
type Lived struct {
	Run     fleet.Run
	Runners []fleet.Runner
	// Seen has these runners, and the one that is expected to take the job or was launched
	// for it last.
	Seen []fleet.Runner
}

// HistoryRead says how much of a history was read.
type HistoryRead struct {
	Looked int
	Oldest time.Time // the fleet heard of the oldest run then; zero if there is none
	Cut    bool      // there are older runs that were asked for
}

// History reads the runs that match, the newest first and most at most, page by page, each
// with its runners. It looks at each run once and keeps none.
func History(ctx context.Context, src Source, q RunQuery, most int, look func([]Lived) error) (read HistoryRead, err error) {
	most = min(most, MostRead)
	for read.Looked < most {
		q.Limit = min(MostListed, most-read.Looked)
		found, err := SearchRuns(ctx, src, q)
		if err != nil {
			return read, err
		}
		lived, err := withRunners(ctx, src, found.Runs)
		if err != nil {
			return read, err
		}
		if len(lived) > 0 {
			read.Oldest = PlaceOf(found.Runs[len(found.Runs)-1]).At
		}
		read.Looked += len(lived)
		if err := look(lived); err != nil {
			return read, err
		}
		if q.After = found.Next; q.After == "" {
			return read, nil
		}
	}
	read.Cut = true
	return read, nil
}

// withRunners reads the runners of runs. Their ids are known: runners are numbered.
func withRunners(ctx context.Context, src Source, runs []fleet.Run) ([]Lived, error) {
	var ids []string
	of := make([][]string, len(runs))
	for i, run := range runs {
		of[i] = runnersOf(run)
		ids = append(ids, of[i]...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	known := make(map[string]fleet.Runner, len(ids))
	for part := range slices.Chunk(ids, readTogether) {
		runners, err := src.RunnersByID(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, r := range runners {
			known[r.RunnerID] = r
		}
	}
	lived := make([]Lived, 0, len(runs))
	for i, run := range runs {
		l := Lived{Run: run}
		for _, id := range of[i] {
			r, ok := known[id]
			if !ok {
				continue
			}
			l.Seen = append(l.Seen, r)
			if r.CountsFor() == run.RunID {
				l.Runners = append(l.Runners, r)
			}
		}
		slices.SortFunc(l.Runners, func(a, b fleet.Runner) int {
			return cmp.Or(a.At(fleet.StageLaunched).Compare(b.At(fleet.StageLaunched)), cmp.Compare(a.RunnerID, b.RunnerID))
		})
		lived = append(lived, l)
	}
	return lived, nil
}

// runnersOf are the ids of all runners that may belong to a run: those launched for it,
// and those that took its job or are expected to.
func runnersOf(run fleet.Run) []string {
	var ids []string
	fleetName, _, _ := strings.Cut(run.LastRunner, fmt.Sprintf("-%d-", run.Job.JobID))
	for n := range run.Launched {
		ids = append(ids, fleet.RunnerID(fleetName, run.Job.JobID, n+1))
	}
	for _, id := range slices.Concat(run.RanBefore, []string{run.RanOn, run.RunnerID, run.LastRunner}) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
