package simulation

import (
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Shrink looks for the smallest scenario that still breaks the rule from the same seed.
// It plays at most so many histories.
func Shrink(s Scenario, seed uint64, rule string, most int) Scenario {
	broken := func(try Scenario) bool {
		if most--; most < 0 || try.check() != nil {
			return false
		}
		return slices.ContainsFunc(Run(try, seed, Watch{}).Violations, func(v Violation) bool { return v.Rule == rule && Known(v) == "" })
	}
	for smaller := true; smaller && most > 0; {
		smaller = false
		for _, try := range simpler(s) {
			if broken(try) {
				s, smaller = try, true
				break
			}
		}
	}
	return s
}

// simpler lists scenarios that have a little less, the greatest steps first.
func simpler(s Scenario) (tries []Scenario) {
	for i := range s.Faults {
		try := s
		try.Faults = without(s.Faults, i)
		tries = append(tries, try)
	}
	for i := range s.Events {
		try := s
		try.Events = without(s.Events, i)
		tries = append(tries, try)
	}
	for i := range s.Jobs {
		try := s
		try.Jobs = without(s.Jobs, i)
		tries = append(tries, try)
	}
	for i, j := range s.Jobs {
		if j.Count > 1 {
			tries = append(tries, changed(s, i, func(j *Job) { j.Count = 1 }), changed(s, i, func(j *Job) { j.Count /= 2 }), changed(s, i, func(j *Job) { j.Count-- }))
		}
		plain := Job{At: j.At, Count: j.Count, Repository: j.Repository, Labels: j.Labels, Takes: j.Takes, Every: j.Every}
		if !sameJob(plain, j) {
			tries = append(tries, changed(s, i, func(j *Job) { *j = plain }))
		}
	}
	for i, f := range s.Faults {
		if length := f.Until.Duration - f.From.Duration; f.Until.Duration != 0 && length > 2*time.Minute {
			tries = append(tries, changedFault(s, i, func(f *kernel.Fault) { f.Until.Duration = f.From.Duration + (length / 2).Round(time.Second) }))
		}
		if f.Times == 0 || f.Times > 1 {
			tries = append(tries, changedFault(s, i, func(f *kernel.Fault) { f.Times = 1 }))
		}
	}
	return tries
}

func sameJob(a, b Job) bool {
	a.Labels, b.Labels = nil, nil
	return a.Run == b.Run && a.Concurrency == b.Concurrency && a.MaxParallel == b.MaxParallel && a.ApprovedAt == b.ApprovedAt &&
		a.CancelledAt == b.CancelledAt && a.RerunAt == b.RerunAt && a.Fails == b.Fails && a.Hosted == b.Hosted
}

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

func changed(s Scenario, i int, change func(*Job)) Scenario {
	s.Jobs = slices.Clone(s.Jobs)
	change(&s.Jobs[i])
	return s
}

func changedFault(s Scenario, i int, change func(*kernel.Fault)) Scenario {
	s.Faults = slices.Clone(s.Faults)
	change(&s.Faults[i])
	return s
}
