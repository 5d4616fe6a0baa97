package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostIn is how many of the times, which are in order, lie within one span at most.
func mostIn(span time.Duration, times []time.Time) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// bounds are the runs that had to wait, by the limit that kept them.
type bounds map[string]map[string]bool

// note notes a run that waits for room. One that has its runner is about to leave the list.
// wanted is how many runners are open or waited for.
func (b bounds) note(run fleet.Run, policy fleet.Policy, wanted int) {
	if !run.WaitsForRoom || run.RunnerID != "" || !run.Wanted() {
		return
	}
	limit := fmt.Sprintf("max_runners, which is %d", policy.MaxRunners)
	switch {
	case run.WaitsForTurn() && wanted <= policy.MaxRunners:
		limit = fmt.Sprintf("the %d starts a minute that GitHub's 900 points a minute allow", fleet.MostStarts)
	case run.WaitsForRule:
		limit = "max_runners of rule " + run.AdmittedBy
	case run.WaitsForShare && policy.MaxPerRepository > 0:
		limit = fmt.Sprintf("max_runners_per_repository, which is %d", policy.MaxPerRepository)
	case run.WaitsForShare:
		limit += fmt.Sprintf(" and of which %d are kept for repositories that have no runner", policy.KeptForOthers())
	}
	if b[limit] == nil {
		b[limit] = map[string]bool{}
	}
	b[limit][run.RunID] = true
}

// bound names the limit that kept the most jobs from getting a runner sooner, as far as one
// did.
func (j *judge) bound() string {
	limits := slices.SortedFunc(maps.Keys(j.bounds), func(a, b string) int {
		return cmp.Or(len(j.bounds[b])-len(j.bounds[a]), cmp.Compare(a, b))
	})
	if len(limits) == 0 {
		return fmt.Sprintf("no limit: %s open at most, and at most %d launched in a minute", were(j.mostOpen), mostIn(time.Minute, j.launches))
	}
	n := len(j.bounds[limits[0]])
	if n == 1 {
		return limits[0] + ": 1 job waited for it"
	}
	return fmt.Sprintf("%s: %d jobs waited for it", limits[0], n)
}

func were(runners int) string {
	if runners == 1 {
		return "1 runner was"
	}
	return fmt.Sprintf("%d runners were", runners)
}

// Span is a time from one moment to another; one without an end goes on.
type Span struct{ From, To time.Time }

// Within is how much of the span lies between two moments.
func (s Span) Within(from, to time.Time) time.Duration {
	if s.From.After(from) {
		from = s.From
	}
	if !s.To.IsZero() && s.To.Before(to) {
		to = s.To
	}
	return max(0, to.Sub(from))
}

// inRoom notes when a run begins and ends to wait for room.
func (j *judge) inRoom(was, is fleet.Run) {
	switch spans := j.room[is.RunID]; {
	case is.WaitsForRoom && !was.WaitsForRoom:
		j.room[is.RunID] = append(spans, Span{From: j.w.k.Now()})
	case was.WaitsForRoom && !is.WaitsForRoom:
		spans[len(spans)-1].To = j.w.k.Now()
	}
}
