package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// MostLookedAt is how many runs a page looks at, at most, however few of them match.
const MostLookedAt = 2000

// readAtOnce is how many runs are read at once from a list of which not all match.
const readAtOnce = 250

// RunQuery asks for runs. What is not set matches every run.
type RunQuery struct {
	Statuses   []fleet.RunStatus // as they are shown, so that RETRYING is one of them
	Repository string            // owner/name, in any case
	Workflow   string            // its name, in any case
	Class      string            // that the run was admitted with
	Since      time.Time         // the fleet heard of the job then or later
	Before     time.Time         // the fleet heard of the job earlier
	Limit      int               // of a page: MostListed if it is 0 or more
	After      string            // the cursor that the page before ended with, "" for the first page
}

// Matches reports whether a run is one that is asked for.
func (q RunQuery) Matches(run fleet.Run) bool {
	received := run.At(fleet.StageReceived)
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, run.Shown())) &&
		(q.Repository == "" || strings.EqualFold(q.Repository, run.Job.Repository)) &&
		(q.Workflow == "" || strings.EqualFold(q.Workflow, run.Job.WorkflowName)) &&
		(q.Class == "" || q.Class == run.ClassName) &&
		!received.Before(q.Since) && (q.Before.IsZero() || received.Before(q.Before))
}

// lists are the narrowest lists that together have all runs that are asked for. Most runs
// are COMPLETED, and few are in each of the other statuses.
func (q RunQuery) lists() []RunList {
	byStatus := len(q.Statuses) > 0
	switch {
	case byStatus && !slices.Contains(q.Statuses, fleet.RunCompleted):
	case q.Repository != "":
		return []RunList{RepositoryList(q.Repository)}
	case q.Class != "":
		return []RunList{{ByClass, q.Class}}
	case !byStatus:
		return []RunList{{By: ByTime}}
	}
	var lists []RunList
	for _, status := range q.Statuses {
		list := RunList{By: ByOpen}
		if status.Terminal() {
			list = RunList{ByEnd, string(status)}
		}
		if !slices.Contains(lists, list) {
			lists = append(lists, list)
		}
	}
	return lists
}

// all reports whether all runs of a list match, but for an index that is behind.
func (q RunQuery) all(list RunList) bool {
	return q.Workflow == "" && list.By != ByOpen &&
		(q.Repository == "" || list.By == ByRepository) &&
		(q.Class == "" || list.By == ByClass) &&
		(len(q.Statuses) == 0 || list.By == ByEnd)
}

// runLists is the part of a Source that has the lists of runs.
type runLists interface {
	RunsBelow(ctx context.Context, list RunList, below Place, since time.Time, limit int) (RunsRead, error)
}

// FoundRuns are a page of runs, the newest first.
type FoundRuns struct {
	Runs   []fleet.Run
	Next   string    // the cursor to go on with, "" after the last page
	Looked int       // runs that were looked at
	Oldest time.Time // the fleet heard of the oldest of them then; zero if there is none
}

// SearchRuns finds a page of runs. It looks at MostLookedAt of them, so a page may be short,
// or empty, and yet not be the last one. It fails with NotACursor.
func SearchRuns(ctx context.Context, src runLists, q RunQuery) (FoundRuns, error) {
	if q.Limit <= 0 || q.Limit > MostListed {
		q.Limit = MostListed
	}
	below, err := placeAt(q.After)
	if err != nil {
		return FoundRuns{}, err
	}
	if before := (Place{At: q.Before}); !q.Before.IsZero() && (q.After == "" || below.Compare(before) < 0) {
		below = before
	}
	var merged merge
	for _, list := range q.lists() {
		atOnce := readAtOnce
		if q.all(list) {
			atOnce = q.Limit + 1 // one more says whether there is another page
		}
		merged = append(merged, &reading{src: src, list: list, since: q.Since, below: below, atOnce: atOnce})
	}
	found := FoundRuns{Runs: []fleet.Run{}}
	last := below
	for {
		run, ok, err := merged.next(ctx)
		switch {
		case err != nil:
			return FoundRuns{}, err
		case !ok:
			return found, nil
		case len(found.Runs) == q.Limit || found.Looked == MostLookedAt:
			found.Next = last.cursor()
			return found, nil
		}
		last = PlaceOf(run)
		found.Looked, found.Oldest = found.Looked+1, last.At
		if q.Matches(run) {
			found.Runs = append(found.Runs, run)
		}
	}
}

// reading reads a list bit by bit.
type reading struct {
	src    runLists
	list   RunList
	since  time.Time
	below  Place
	atOnce int
	ended  bool
	read   []fleet.Run
}

// fill reads on if all that was read is used up.
func (r *reading) fill(ctx context.Context) error {
	for len(r.read) == 0 && !r.ended {
		got, err := r.src.RunsBelow(ctx, r.list, r.below, r.since, r.atOnce)
		if err != nil {
			return err
		}
		r.read, r.below, r.ended = got.Runs, got.Next, got.Next.RunID == ""
	}
	return nil
}

// merge is several lists as one. A run that moves between them is met once.
type merge []*reading

func (m merge) next(ctx context.Context) (newest fleet.Run, ok bool, err error) {
	for _, list := range m {
		if err := list.fill(ctx); err != nil {
			return newest, false, err
		}
		if len(list.read) > 0 && (!ok || PlaceOf(list.read[0]).Compare(PlaceOf(newest)) < 0) {
			newest, ok = list.read[0], true
		}
	}
	for _, list := range m {
		if len(list.read) > 0 && PlaceOf(list.read[0]).Compare(PlaceOf(newest)) == 0 {
			list.read = list.read[1:]
		}
	}
	return newest, ok, nil
}
