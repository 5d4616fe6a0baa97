package table

import (
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The methods of this file are the truth, past every fault: they are for the judge.

// AllRuns yields every run.
func (s *Store) AllRuns() []fleet.Run { return sorted(slices.Collect(maps.Values(s.runs)), oldestRun) }

// AllRunners yields every runner.
func (s *Store) AllRunners() []fleet.Runner {
	return sorted(slices.Collect(maps.Values(s.runners)), byRunnerID)
}

// RunNow is a run as it is.
func (s *Store) RunNow(id string) (fleet.Run, bool) {
	run, ok := s.runs[id]
	return run, ok
}

// RunnerNow is a runner as it is.
func (s *Store) RunnerNow(id string) (fleet.Runner, bool) {
	runner, ok := s.runners[id]
	return runner, ok
}

// WaitingNow is how many runs wait for room.
func (s *Store) WaitingNow() int { return len(s.waiting.entries) }

// CapacityNow is the count as it is.
func (s *Store) CapacityNow() fleet.Capacity { return s.capacity }

// OpenNow counts the runners that are not closed.
func (s *Store) OpenNow() int { return len(s.open) }

// OpenOfRuleNow counts the open runners of each rule that has any.
func (s *Store) OpenOfRuleNow() map[string]int {
	of := map[string]int{}
	for id := range s.open {
		if rule := s.runners[id].Rule; rule != "" {
			of[rule]++
		}
	}
	return of
}

// HoldsNow are the holds as they are.
func (s *Store) HoldsNow() map[string]fleet.Hold { return maps.Clone(s.holds) }

// LocksNow lists the tags of builds that are locked, with the end of the lease.
func (s *Store) LocksNow() map[string]time.Time {
	held := map[string]time.Time{}
	for tag, l := range s.locks {
		held[tag] = l.until
	}
	return held
}

// RepairsNow are all repairs.
func (s *Store) RepairsNow() map[string]int { return maps.Clone(s.repairs) }
