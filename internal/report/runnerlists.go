package report

import (
	"context"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// PlaceOfRunner is the place of a runner in the list of all, by its launch. Its RunID is the
// runner's own id.
func PlaceOfRunner(r fleet.Runner) Place {
	return Place{r.At(fleet.StageLaunched).UTC(), r.RunnerID}
}

// CursorOf is the cursor of a page that ends with a runner.
func CursorOf(r fleet.Runner) string { return PlaceOfRunner(r).cursor() }

// RunnersRead are some runners, the newest first. Next is the place to go on below, and zero
// at the end of the list; a store may read nothing and yet not be at the end.
type RunnersRead struct {
	Runners []fleet.Runner
	Next    Place
}

// RunnerQuery asks for runners. What is not set matches every runner.
type RunnerQuery struct {
	Statuses []fleet.RunnerStatus
	Class    string    // that it was launched with
	Open     bool      // only those that are not closed
	Since    time.Time // it was launched then or later
	Limit    int       // of a page: MostListed if it is 0 or more
	After    string    // the cursor that the page before ended with, "" for the first page
}

// Matches reports whether a runner is one that is asked for.
func (q RunnerQuery) Matches(r fleet.Runner) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, r.Status)) && (q.Class == "" || q.Class == r.ClassName) &&
		(!q.Open || r.Phase != fleet.Closed) && !r.At(fleet.StageLaunched).Before(q.Since)
}

// ended are the statuses of runners that are closed, or about to be.
var ended = []fleet.RunnerStatus{fleet.RunnerOffline, fleet.RunnerFailed}

// open reports whether only runners match that are not closed. There are max_runners of
// these at most.
func (q RunnerQuery) open() bool {
	return q.Open || len(q.Statuses) > 0 && !slices.ContainsFunc(q.Statuses, func(s fleet.RunnerStatus) bool { return slices.Contains(ended, s) })
}

// runnerLists is the part of a Source that has the lists of runners.
type runnerLists interface {
	RunnersBelow(ctx context.Context, below Place, since time.Time, limit int) (RunnersRead, error)
	OpenRunners(ctx context.Context) ([]fleet.Runner, error)
}

// FoundRunners are a page of runners, the newest first.
type FoundRunners struct {
	Runners []fleet.Runner
	Next    string    // the cursor to go on with, "" after the last page
	Looked  int       // runners that were looked at
	Oldest  time.Time // the oldest of them was launched then; zero if there is none
}

// SearchRunners finds a page of runners. It reads those that are open by their own index, and
// else looks at MostLookedAt, the newest first, so a page may be short, or empty, and yet not
// be the last one. It fails with NotACursor.
func SearchRunners(ctx context.Context, src runnerLists, q RunnerQuery) (FoundRunners, error) {
	if q.Limit <= 0 || q.Limit > MostListed {
		q.Limit = MostListed
	}
	below, err := placeAt(q.After)
	if err != nil {
		return FoundRunners{}, err
	}
	read := runnersBelow(src, q)
	if q.open() {
		read = openBelow(src)
	}
	found := FoundRunners{Runners: []fleet.Runner{}}
	for {
		page, err := read(ctx, below)
		if err != nil {
			return FoundRunners{}, err
		}
		for _, r := range page.Runners {
			if len(found.Runners) == q.Limit || found.Looked == MostLookedAt {
				found.Next = below.cursor()
				return found, nil
			}
			below = PlaceOfRunner(r)
			found.Looked, found.Oldest = found.Looked+1, below.At
			if q.Matches(r) {
				found.Runners = append(found.Runners, r)
			}
		}
		if page.Next == (Place{}) {
			return found, nil
		}
		below = page.Next
	}
}

// runnersBelow reads the list of all runners.
func runnersBelow(src runnerLists, q RunnerQuery) func(context.Context, Place) (RunnersRead, error) {
	atOnce := readAtOnce
	if q.Class == "" && len(q.Statuses) == 0 {
		atOnce = q.Limit + 1 // one more says whether there is another page
	}
	return func(ctx context.Context, below Place) (RunnersRead, error) {
		return src.RunnersBelow(ctx, below, q.Since, atOnce)
	}
}

// openBelow reads the runners that are open, which have another order.
func openBelow(src runnerLists) func(context.Context, Place) (RunnersRead, error) {
	return func(ctx context.Context, below Place) (RunnersRead, error) {
		open, err := src.OpenRunners(ctx)
		if below != (Place{}) {
			open = slices.DeleteFunc(open, func(r fleet.Runner) bool { return PlaceOfRunner(r).Compare(below) <= 0 })
		}
		slices.SortFunc(open, func(a, b fleet.Runner) int { return PlaceOfRunner(a).Compare(PlaceOfRunner(b)) })
		return RunnersRead{Runners: open}, err
	}
}
