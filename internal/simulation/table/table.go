// Package table is the fleet's table inside a simulated world: DynamoDB as far as the
// fleet can tell.
//
// Its transactions take a moment. Two that overlap on a record conflict, although
// neither has read what the other writes: that is DynamoDB's TransactionConflict, which
// no store on one machine knows. And its indexes lag behind its records.
package table

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Store is one table.
type Store struct {
	// Call carries out an operation, dynamo.read, dynamo.list or dynamo.write, of which
	// effect is the whole. It may do so later, or answer for it with an error.
	Call func(operation string, effect func() error) error
	// Index updates the indexes for what was written; nil does it at once.
	Index func(update func())
	// Busy reports whether another transaction holds a record; nil is never.
	Busy func(record string) bool
	// Wrote gets the records of every transaction, once it is done.
	Wrote func(fleet.Changes)

	runs     map[string]fleet.Run
	runners  map[string]fleet.Runner
	capacity fleet.Capacity
	holds    map[string]fleet.Hold
	actions  map[string]fleet.Action
	images   map[string]fleet.ImageRecord
	locks    map[string]lock
	cursors  map[string]string
	leases   map[string]lease
	repairs  map[string]int
	settings report.Settings

	open       map[string]bool // runners, consistent with the records
	waiting    *index          // runs that wait for room, the oldest first
	listed     map[string]bool // runs with a WaitList
	waits      waitLists       // those of them that have one now
	active     *index          // runs that have not ended, the oldest first
	unresolved map[string]bool // runners
}

// New returns an empty table.
func New() *Store {
	return &Store{
		Call: func(_ string, effect func() error) error { return effect() },
		runs: map[string]fleet.Run{}, runners: map[string]fleet.Runner{}, holds: map[string]fleet.Hold{}, actions: map[string]fleet.Action{},
		images: map[string]fleet.ImageRecord{}, locks: map[string]lock{}, cursors: map[string]string{}, leases: map[string]lease{}, repairs: map[string]int{},
		open: map[string]bool{}, waiting: newIndex(), listed: map[string]bool{}, waits: newWaitLists(), active: newIndex(), unresolved: map[string]bool{},
	}
}

// The operations that Call gets.
const (
	Read  = "dynamo.read"
	List  = "dynamo.list"
	Write = "dynamo.write"
)

// read is one record; the zero value if there is none.
func read[T any](s *Store, from map[string]T, id string) (record T, ok bool, err error) {
	err = s.Call(Read, func() error {
		record, ok = from[id]
		return nil
	})
	return record, ok, err
}

// Run reads a run.
func (s *Store) Run(_ context.Context, id string) (fleet.Run, bool, error) {
	return read(s, s.runs, id)
}

// Runner reads a runner.
func (s *Store) Runner(_ context.Context, id string) (fleet.Runner, bool, error) {
	return read(s, s.runners, id)
}

// Holds reads those of the keys that are there.
func (s *Store) Holds(_ context.Context, keys []string) (found map[string]fleet.Hold, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.Call(Read, func() error {
		found = map[string]fleet.Hold{}
		for _, key := range keys {
			if hold, ok := s.holds[key]; ok {
				found[key] = hold
			}
		}
		return nil
	})
	return found, err
}

// Actions lists up to limit actions of operators since a time, the newest first.
func (s *Store) Actions(_ context.Context, since time.Time, limit int) (found []fleet.Action, err error) {
	err = s.Call(List, func() error {
		found = slices.SortedFunc(maps.Values(s.actions), func(a, b fleet.Action) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
		found = slices.DeleteFunc(found, func(a fleet.Action) bool { return a.At.Before(since) })
		found = found[:min(limit, len(found))]
		return nil
	})
	return found, err
}

// HoldsBelow lists up to limit holds whose keys begin so.
func (s *Store) HoldsBelow(_ context.Context, prefix string, limit int) (found []fleet.Hold, err error) {
	err = s.Call(List, func() error {
		for _, key := range slices.Sorted(maps.Keys(s.holds)) {
			if strings.HasPrefix(key, prefix) && len(found) < limit {
				found = append(found, s.holds[key])
			}
		}
		return nil
	})
	return found, err
}

// Waiting lists up to limit runs of a list up to an order, in that order.
func (s *Store) Waiting(_ context.Context, list, upTo string, limit int) (ids []string, err error) {
	err = s.Call(List, func() error {
		ids = s.waits.list(list).upTo(upTo, limit)
		return nil
	})
	return ids, err
}

// Capacity reads the count of open runners.
func (s *Store) Capacity(context.Context) (capacity fleet.Capacity, err error) {
	err = s.Call(Read, func() error {
		capacity = s.capacity
		return nil
	})
	return capacity, err
}

// Write writes all changes or none.
func (s *Store) Write(_ context.Context, c fleet.Changes) error {
	if c.Empty() {
		return nil
	}
	return s.Call(Write, func() error {
		if !s.current(c) || s.held(c) {
			return conflict()
		}
		s.apply(c)
		if s.Wrote != nil {
			s.Wrote(c)
		}
		return nil
	})
}

func conflict() error { return fleet.Errorf(fleet.RecordsConflict, "another transaction was first") }

// current reports whether all records are at the versions that were read, and none is
// written twice.
func (s *Store) current(c fleet.Changes) bool {
	seen := map[string]bool{}
	for _, run := range c.Runs {
		if seen[run.RunID] || s.runs[run.RunID].Version != run.Version {
			return false
		}
		seen[run.RunID] = true
	}
	for _, runner := range c.Runners {
		if seen[runner.RunnerID] || s.runners[runner.RunnerID].Version != runner.Version {
			return false
		}
		seen[runner.RunnerID] = true
	}
	for _, hold := range c.Holds {
		if seen[hold.Key] || s.holds[hold.Key].Version != hold.Version {
			return false
		}
		seen[hold.Key] = true
	}
	return c.Capacity == nil || c.Capacity.Version == s.capacity.Version
}

// held reports whether another transaction is at one of the records. It asks for all
// of them: a transaction that is cancelled has held what it asked for.
func (s *Store) held(c fleet.Changes) (held bool) {
	if s.Busy == nil {
		return false
	}
	for _, run := range c.Runs {
		held = s.Busy(run.RunID) || held
	}
	for _, runner := range c.Runners {
		held = s.Busy(runner.RunnerID) || held
	}
	if c.Capacity != nil {
		held = s.Busy("capacity") || held
	}
	for _, hold := range c.Holds {
		held = s.Busy("hold "+hold.Key) || held
	}
	return held
}

func (s *Store) apply(c fleet.Changes) {
	for _, run := range c.Runs {
		run.Version++
		s.runs[run.RunID] = run
		if s.listed[run.RunID] {
			s.waits.put(run)
		}
	}
	for _, runner := range c.Runners {
		runner.Version++
		s.runners[runner.RunnerID] = runner
		set(s.open, runner.RunnerID, runner.Phase != fleet.Closed)
	}
	if c.Capacity != nil {
		s.capacity = *c.Capacity
		s.capacity.Version++
	}
	for _, hold := range c.Holds {
		hold.Version++
		if s.holds[hold.Key] = hold; hold.Over {
			delete(s.holds, hold.Key)
		}
	}
	for _, action := range c.Actions {
		s.actions[action.ID] = action
	}
	index := func() {
		for _, run := range c.Runs {
			now := s.runs[run.RunID]
			received := fleet.TimeOrder(now.At(fleet.StageReceived))
			s.waiting.set(run.RunID, received, now.WaitsForRoom)
			s.active.set(run.RunID, received, !now.Status.Terminal())
			list, _ := now.WaitList()
			set(s.listed, run.RunID, list != "")
			if list != "" {
				s.waits.put(now)
			}
		}
		for _, runner := range c.Runners {
			set(s.unresolved, runner.RunnerID, s.runners[runner.RunnerID].Unresolved)
		}
	}
	if s.Index == nil {
		index()
		return
	}
	s.Index(index)
}

func set(in map[string]bool, id string, is bool) {
	if is {
		in[id] = true
	} else {
		delete(in, id)
	}
}

// WaitingForRoom lists up to limit runs that wait for room, the oldest first.
func (s *Store) WaitingForRoom(_ context.Context, limit int) (ids []string, err error) {
	err = s.Call(List, func() error {
		ids = s.waiting.first(limit)
		return nil
	})
	return ids, err
}

// OpenRuns lists up to limit runs that have not ended, the oldest first.
func (s *Store) OpenRuns(_ context.Context, limit int) (runs []fleet.Run, err error) {
	err = s.Call(List, func() error {
		ids := s.active.first(limit)
		runs = make([]fleet.Run, 0, len(ids))
		for _, id := range ids {
			runs = append(runs, s.runs[id])
		}
		return nil
	})
	return runs, err
}

// OpenRunners lists the runners that are not closed, consistently.
func (s *Store) OpenRunners(context.Context) (runners []fleet.Runner, err error) {
	err = s.Call(List, func() error {
		runners = sorted(pick(s.runners, s.open), byRunnerID)
		return nil
	})
	return runners, err
}

// UnresolvedRunners lists up to limit runners whose job is not known, the newest first.
func (s *Store) UnresolvedRunners(_ context.Context, limit int) (runners []fleet.Runner, err error) {
	err = s.Call(List, func() error {
		runners = first(limit, sorted(pick(s.runners, s.unresolved), newestRunner))
		return nil
	})
	return runners, err
}

// Runs lists up to limit runs, the newest first.
func (s *Store) Runs(_ context.Context, limit int) (runs []fleet.Run, err error) {
	err = s.Call(List, func() error {
		runs = first(limit, sorted(slices.Collect(maps.Values(s.runs)), func(a, b fleet.Run) int {
			return cmp.Or(b.At(fleet.StageReceived).Compare(a.At(fleet.StageReceived)), cmp.Compare(b.RunID, a.RunID))
		}))
		return nil
	})
	return runs, err
}

// RunsBelow reads up to limit runs of a list, the newest first.
func (s *Store) RunsBelow(_ context.Context, list report.RunList, below report.Place, since time.Time, limit int) (read report.RunsRead, err error) {
	err = s.Call(List, func() error {
		var found []fleet.Run
		for _, run := range s.runs {
			at := report.PlaceOf(run)
			if list.Has(run) && !at.At.Before(since) && (below == report.Place{} || at.Compare(below) > 0) {
				found = append(found, run)
			}
		}
		found = sorted(found, func(a, b fleet.Run) int { return report.PlaceOf(a).Compare(report.PlaceOf(b)) })
		if read.Runs = first(limit, found); len(found) > limit {
			read.Next = report.PlaceOf(read.Runs[limit-1])
		}
		return nil
	})
	return read, err
}

// RunnersBelow reads up to limit runners, the newest first.
func (s *Store) RunnersBelow(_ context.Context, below report.Place, since time.Time, limit int) (read report.RunnersRead, err error) {
	err = s.Call(List, func() error {
		var found []fleet.Runner
		for _, r := range s.runners {
			at := report.PlaceOfRunner(r)
			if !at.At.Before(since) && (below == report.Place{} || at.Compare(below) > 0) {
				found = append(found, r)
			}
		}
		found = sorted(found, func(a, b fleet.Runner) int { return report.PlaceOfRunner(a).Compare(report.PlaceOfRunner(b)) })
		if read.Runners = first(limit, found); len(found) > limit {
			read.Next = report.PlaceOfRunner(read.Runners[limit-1])
		}
		return nil
	})
	return read, err
}

// RunnersByID reads the runners that there are of the ids.
func (s *Store) RunnersByID(_ context.Context, ids []string) (runners []fleet.Runner, err error) {
	err = s.Call(List, func() error {
		for _, id := range ids {
			if r, ok := s.runners[id]; ok {
				runners = append(runners, r)
			}
		}
		return nil
	})
	return runners, err
}

// Runners lists up to limit runners, the newest first.
func (s *Store) Runners(_ context.Context, limit int) (runners []fleet.Runner, err error) {
	err = s.Call(List, func() error {
		runners = first(limit, sorted(slices.Collect(maps.Values(s.runners)), newestRunner))
		return nil
	})
	return runners, err
}

// RunnersOf lists the runners of a run as they were launched.
func (s *Store) RunnersOf(_ context.Context, runID string) (runners []fleet.Runner, err error) {
	err = s.Call(List, func() error {
		for _, runner := range s.runners {
			if runner.RunID == runID {
				runners = append(runners, runner)
			}
		}
		runners = sorted(runners, func(a, b fleet.Runner) int {
			return cmp.Or(a.At(fleet.StageLaunched).Compare(b.At(fleet.StageLaunched)), cmp.Compare(a.RunnerID, b.RunnerID))
		})
		return nil
	})
	return runners, err
}

func oldestRun(a, b fleet.Run) int {
	return cmp.Or(a.At(fleet.StageReceived).Compare(b.At(fleet.StageReceived)), cmp.Compare(a.RunID, b.RunID))
}

func newestRunner(a, b fleet.Runner) int {
	return cmp.Or(b.At(fleet.StageLaunched).Compare(a.At(fleet.StageLaunched)), cmp.Compare(b.RunnerID, a.RunnerID))
}

func byRunnerID(a, b fleet.Runner) int { return cmp.Compare(a.RunnerID, b.RunnerID) }

func pick[T any](records map[string]T, ids map[string]bool) []T {
	picked := make([]T, 0, len(ids))
	for id := range ids {
		picked = append(picked, records[id])
	}
	return picked
}

func sorted[T any](records []T, order func(a, b T) int) []T {
	slices.SortFunc(records, order)
	return records
}

func first[T any](limit int, records []T) []T { return records[:min(limit, len(records))] }

// AddRepairs counts repairs.
func (s *Store) AddRepairs(_ context.Context, repairs map[string]int) error {
	return s.Call(Write, func() error {
		for cause, n := range repairs {
			s.repairs[cause] += n
		}
		return nil
	})
}

// Repairs are all that were counted.
func (s *Store) Repairs(context.Context) (repairs map[string]int, err error) {
	err = s.Call(Read, func() error {
		repairs = maps.Clone(s.repairs)
		return nil
	})
	return repairs, err
}

// PutSettings keeps the settings.
func (s *Store) PutSettings(_ context.Context, settings report.Settings) error {
	return s.Call(Write, func() error {
		s.settings = settings
		return nil
	})
}

// Settings are those that were put last.
func (s *Store) Settings(context.Context) (settings report.Settings, err error) {
	err = s.Call(Read, func() error {
		settings = s.settings
		return nil
	})
	return settings, err
}
