package lifecycletest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Records is the table. It checks versions as package sqlite does.
type Records struct {
	w        *World
	runs     map[string]fleet.Run
	runners  map[string]fleet.Runner
	capacity fleet.Capacity
	Reads    int
}

// Run reads one run.
func (r *Records) Run(_ context.Context, id string) (run fleet.Run, ok bool, err error) {
	err = r.w.point("Records.Run", func() error {
		r.Reads++
		run, ok = r.runs[id]
		run = clone(run)
		return nil
	})
	return run, ok, err
}

// Runner reads one runner.
func (r *Records) Runner(_ context.Context, id string) (runner fleet.Runner, ok bool, err error) {
	err = r.w.point("Records.Runner", func() error {
		r.Reads++
		runner, ok = r.runners[id]
		runner = clone(runner)
		return nil
	})
	return runner, ok, err
}

// Capacity reads the count of open runners.
func (r *Records) Capacity(context.Context) (capacity fleet.Capacity, err error) {
	err = r.w.point("Records.Capacity", func() error {
		r.Reads++
		capacity = r.capacity
		return nil
	})
	return capacity, err
}

// WaitingForRoom lists the runs that wait for room, the oldest first.
func (r *Records) WaitingForRoom(_ context.Context, limit int) (ids []string, err error) {
	err = r.w.point("Records.WaitingForRoom", func() error {
		var runs []fleet.Run
		for _, run := range r.runs {
			if run.WaitsForRoom {
				runs = append(runs, run)
			}
		}
		slices.SortFunc(runs, func(a, b fleet.Run) int {
			return cmp.Or(a.At(fleet.StageReceived).Compare(b.At(fleet.StageReceived)), cmp.Compare(a.RunID, b.RunID))
		})
		for _, run := range runs[:min(limit, len(runs))] {
			ids = append(ids, run.RunID)
		}
		return nil
	})
	return ids, err
}

// Write writes all changes or none.
func (r *Records) Write(_ context.Context, c fleet.Changes) error {
	return r.w.point("Records.Write", func() error {
		for _, run := range c.Runs {
			if r.runs[run.RunID].Version != run.Version {
				return conflict()
			}
		}
		for _, runner := range c.Runners {
			if r.runners[runner.RunnerID].Version != runner.Version {
				return conflict()
			}
		}
		if c.Capacity != nil && c.Capacity.Version != r.capacity.Version {
			return conflict()
		}
		if err := once(c); err != nil {
			return err
		}
		for _, run := range c.Runs {
			run.Version++
			r.runs[run.RunID] = clone(run)
		}
		for _, runner := range c.Runners {
			runner.Version++
			r.runners[runner.RunnerID] = clone(runner)
		}
		if c.Capacity != nil {
			r.capacity = *c.Capacity
			r.capacity.Version++
		}
		return nil
	})
}

// once refuses a transaction that writes a record twice, as DynamoDB does and as
// a second update at the old version meets a conflict in SQLite.
func once(c fleet.Changes) error {
	seen := map[string]bool{}
	for _, run := range c.Runs {
		if seen[run.RunID] {
			return conflict()
		}
		seen[run.RunID] = true
	}
	for _, runner := range c.Runners {
		if seen[runner.RunnerID] {
			return conflict()
		}
		seen[runner.RunnerID] = true
	}
	return nil
}

func conflict() error {
	return fleet.Errorf(fleet.RecordsConflict, "a record was changed by somebody else")
}

// clone goes through JSON, as every table does.
func clone[T any](v T) T {
	var out T
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // plain structs
	}
	return out
}
