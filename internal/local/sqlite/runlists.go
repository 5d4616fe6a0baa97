package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// readAtOnce is how many records one query reads by their keys. SQLite allows many more.
const readAtOnce = 500

// RunsBelow reads up to limit runs of a list that are older than a place and no older than
// a time, the newest first.
func (s *Store) RunsBelow(ctx context.Context, of report.RunList, below report.Place, since time.Time, limit int) (report.RunsRead, error) {
	query, args := runsQuery(of, below, since, limit)
	runs, err := list[fleet.Run](ctx, s, "runs by "+string(of.By), query, args...)
	if err != nil || len(runs) <= limit {
		return report.RunsRead{Runs: runs}, err
	}
	return report.RunsRead{Runs: runs[:limit], Next: report.PlaceOf(runs[limit-1])}, nil
}

// runsQuery reads one run more, which says that the list goes on.
func runsQuery(list report.RunList, below report.Place, since time.Time, limit int) (query string, args []any) {
	var conditions []string
	where := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	switch list.By {
	case report.ByRepository:
		where(repositoryOf+" = ?", list.Of)
	case report.ByClass:
		where(classOf+" = ?", list.Of)
	case report.ByEnd:
		where("status = ?", list.Of)
	case report.ByOpen:
		where("status NOT IN ('COMPLETED', 'CANCELLED', 'FAILED', 'REFUSED') AND status <> 'GONE'")
	}
	if (below != report.Place{}) {
		where("(received_at, run_id) < (?, ?)", sortable(below.At), below.RunID)
	}
	if !since.IsZero() {
		where("received_at >= ?", sortable(since))
	}
	query = "SELECT record FROM runs"
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	return query + " ORDER BY received_at DESC, run_id DESC LIMIT ?", append(args, limit+1)
}

// RunnersBelow reads up to limit runners that are older than a place and were launched no
// earlier than a time, the newest first.
func (s *Store) RunnersBelow(ctx context.Context, below report.Place, since time.Time, limit int) (report.RunnersRead, error) {
	query, args := runnersQuery(below, since, limit)
	runners, err := list[fleet.Runner](ctx, s, "runners", query, args...)
	if err != nil || len(runners) <= limit {
		return report.RunnersRead{Runners: runners}, err
	}
	return report.RunnersRead{Runners: runners[:limit], Next: report.PlaceOfRunner(runners[limit-1])}, nil
}

// runnersQuery reads one runner more, which says that the list goes on.
func runnersQuery(below report.Place, since time.Time, limit int) (query string, args []any) {
	query = "SELECT record FROM runners WHERE launched_at >= ?"
	args = append(args, sortable(since))
	if (below != report.Place{}) {
		query += " AND (launched_at, runner_id) < (?, ?)"
		args = append(args, sortable(below.At), below.RunID)
	}
	return query + " ORDER BY launched_at DESC, runner_id DESC LIMIT ?", append(args, limit+1)
}

const runnersByID = "SELECT record FROM runners WHERE runner_id IN (?"

// RunnersByID reads the runners that there are of the ids, in no order.
func (s *Store) RunnersByID(ctx context.Context, ids []string) ([]fleet.Runner, error) {
	var runners []fleet.Runner
	for some := range slices.Chunk(ids, readAtOnce) {
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = id
		}
		found, err := list[fleet.Runner](ctx, s, "runners", runnersByID+strings.Repeat(", ?", len(some)-1)+")", args...)
		if err != nil {
			return nil, err
		}
		runners = append(runners, found...)
	}
	return runners, nil
}
