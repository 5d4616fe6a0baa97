package lifecycletest

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Records is the table. It checks versions as package sqlite does.
type Records struct {
	w        *World
	runs     map[string]fleet.Run
	runners  map[string]fleet.Runner
	capacity fleet.Capacity
	holds    map[string]fleet.Hold
	cursors  map[string]string
	actions  map[string]fleet.Action
	Reads    int
	Repairs  map[string]int
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

// OpenRunners lists the runners that are not closed.
func (r *Records) OpenRunners(context.Context) (open []fleet.Runner, err error) {
	err = r.w.point("Records.OpenRunners", func() error {
		for _, id := range slices.Sorted(maps.Keys(r.runners)) {
			if runner := r.runners[id]; runner.Phase != fleet.Closed {
				open = append(open, clone(runner))
			}
		}
		return nil
	})
	return open, err
}

// UnresolvedRunners lists up to limit runners whose jobs are not known.
func (r *Records) UnresolvedRunners(_ context.Context, limit int) (found []fleet.Runner, err error) {
	err = r.w.point("Records.UnresolvedRunners", func() error {
		for _, id := range slices.Sorted(maps.Keys(r.runners)) {
			if runner := r.runners[id]; runner.Unresolved && len(found) < limit {
				found = append(found, clone(runner))
			}
		}
		return nil
	})
	return found, err
}

// OpenRuns lists up to limit runs that have not ended, the oldest first.
func (r *Records) OpenRuns(_ context.Context, limit int) (open []fleet.Run, err error) {
	err = r.w.point("Records.OpenRuns", func() error {
		for _, run := range r.runs {
			if !run.Status.Terminal() {
				open = append(open, clone(run))
			}
		}
		slices.SortFunc(open, func(a, b fleet.Run) int {
			return cmp.Or(a.At(fleet.StageReceived).Compare(b.At(fleet.StageReceived)), cmp.Compare(a.RunID, b.RunID))
		})
		open = open[:min(limit, len(open))]
		return nil
	})
	return open, err
}

// Cursor reads a place that the sweep has reached.
func (r *Records) Cursor(_ context.Context, name string) (value string, err error) {
	err = r.w.point("Records.Cursor", func() error {
		value = r.cursors[name]
		return nil
	})
	return value, err
}

// PutCursor keeps a place that the sweep has reached.
func (r *Records) PutCursor(_ context.Context, name, value string) error {
	return r.w.point("Records.PutCursor", func() error {
		r.cursors[name] = value
		return nil
	})
}

// SwapCursor keeps a value if the cursor still has the value that was read.
func (r *Records) SwapCursor(_ context.Context, name, was, value string) error {
	return r.w.point("Records.SwapCursor", func() error {
		if r.cursors[name] != was {
			return fleet.Errorf(fleet.RecordsConflict, "cursor %s has changed", name)
		}
		r.cursors[name] = value
		return nil
	})
}

// AddRepairs counts repairs.
func (r *Records) AddRepairs(_ context.Context, repairs map[string]int) error {
	return r.w.point("Records.AddRepairs", func() error {
		for cause, n := range repairs {
			r.Repairs[cause] += n
		}
		return nil
	})
}

// Miscount sets the count of open runners to a wrong value.
func (r *Records) Miscount(open int) {
	r.capacity.Open, r.capacity.OpenOf = open, nil
	r.capacity.Version++
}

// MiscountRule sets the count of open runners of a rule.
func (r *Records) MiscountRule(rule string, open int) {
	r.capacity.OpenOfRule = map[string]int{rule: open}
	r.capacity.Version++
}

// Lose removes a runner's record.
func (r *Records) Lose(runnerID string) { delete(r.runners, runnerID) }

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
		for _, hold := range c.Holds {
			if r.holds[hold.Key].Version != hold.Version {
				return conflict()
			}
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
		for _, hold := range c.Holds {
			hold.Version++
			if r.holds[hold.Key] = clone(hold); hold.Over {
				delete(r.holds, hold.Key)
			}
		}
		for _, action := range c.Actions {
			if r.actions == nil {
				r.actions = map[string]fleet.Action{}
			}
			r.actions[action.ID] = action
		}
		return nil
	})
}

// Actions are those of operators, the oldest first.
func (r *Records) Actions() []fleet.Action {
	return slices.SortedFunc(maps.Values(r.actions), func(a, b fleet.Action) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
}

// Holds reads the holds that exist among the keys.
func (r *Records) Holds(_ context.Context, keys []string) (found map[string]fleet.Hold, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = r.w.point("Records.Holds", func() error {
		found = map[string]fleet.Hold{}
		for _, key := range keys {
			if hold, ok := r.holds[key]; ok {
				found[key] = clone(hold)
			}
		}
		return nil
	})
	return found, err
}

// LoseWarm has the capacity list no runner that idles.
func (r *Records) LoseWarm() { r.capacity.Warm = nil }

// Put keeps a hold, without faults.
func (r *Records) Put(h fleet.Hold) { r.holds[h.Key] = h }

// Hold returns a hold, the zero value if there is none.
func (r *Records) Hold(key string) fleet.Hold { return r.holds[key] }

// HoldsBelow lists up to limit holds whose keys begin with prefix.
func (r *Records) HoldsBelow(_ context.Context, prefix string, limit int) (found []fleet.Hold, err error) {
	err = r.w.point("Records.HoldsBelow", func() error {
		for _, key := range slices.Sorted(maps.Keys(r.holds)) {
			if strings.HasPrefix(key, prefix) && len(found) < limit {
				found = append(found, clone(r.holds[key]))
			}
		}
		return nil
	})
	return found, err
}

// Waiting lists up to limit runs of a list up to an order, in that order.
func (r *Records) Waiting(_ context.Context, list, upTo string, limit int) (ids []string, err error) {
	err = r.w.point("Records.Waiting", func() error {
		orders := map[string]string{}
		for _, run := range r.runs {
			if of, order := run.WaitList(); of == list && order <= upTo {
				orders[run.RunID] = order
			}
		}
		ids = slices.SortedFunc(maps.Keys(orders), func(a, b string) int { return cmp.Or(cmp.Compare(orders[a], orders[b]), cmp.Compare(a, b)) })
		ids = ids[:min(limit, len(ids))]
		return nil
	})
	return ids, err
}

// once refuses a transaction that writes a record twice: DynamoDB refuses it too, and in
// SQLite a second update at the old version meets a conflict.
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
