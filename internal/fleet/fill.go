package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// PoolFacts are what a decision about a pool needs.
type PoolFacts struct {
	FleetName        string
	MaxRunners       int
	MaxPerRepository int
	KeptForOthers    int
	Repositories     int
	Pool             Pool  // as its repository is named now
	RepositoryID     int64 // GitHub's, 0 if it is not known
	Capacity         Capacity
	Waiting          bool // a run waits for room, or is about to
	Holds            map[string]Hold
	Deployment       string
	Now              time.Time
}

// FillResult is the decision of Fill.
type FillResult struct {
	Changes  Changes
	RunnerID string // to start an execution for
	Reason   string // why the pool has fewer runners than it wants, "" if it has them all
	// Next is when that reason is over, zero if no time is known.
	Next time.Time
}

// Fill decides whether a pool gets one more runner. It is the only way to a warm runner: the
// pool wants it now, no run waits for room, the fleet and the repository have room, no hold
// keeps the pool's jobs from being launched, and the day's hours are not used up.
func (f PoolFacts) Fill() FillResult {
	now, pool := f.Now, f.Pool
	wanted, idle := pool.Wanted(now), f.idle()
	state := f.Capacity.State(pool.Key, now)
	repository := RepositoryKey(pool.Repository)
	open := f.Capacity.OpenOf[repository]
	kept := LaunchFacts{KeptForOthers: f.KeptForOthers, Repositories: f.Repositories, Capacity: f.Capacity}.kept()
	switch {
	case len(idle) >= wanted:
		return FillResult{}
	case f.Capacity.Paused != "":
		return FillResult{Reason: f.Capacity.pausedReason()}
	case f.Waiting:
		return FillResult{Reason: "jobs wait for room"}
	case f.spent():
		return FillResult{Reason: f.spentReason(), Next: now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)}
	case state.NextTry.After(now):
		return FillResult{Reason: state.pauseReason(), Next: state.NextTry}
	case now.Sub(state.LostAt) < loses && now.Sub(state.LaunchedAt) < apart:
		return FillResult{Reason: "it loses runners while they idle, and launches one a minute", Next: state.LaunchedAt.Add(apart)}
	case f.Capacity.Open >= f.MaxRunners:
		return FillResult{Reason: fmt.Sprintf("max_runners is %d", f.MaxRunners)}
	case pool.Repository != "" && f.MaxPerRepository > 0 && open >= f.MaxPerRepository:
		return FillResult{Reason: fmt.Sprintf("max_runners_per_repository is %d", f.MaxPerRepository)}
	case kept > 0 && (pool.Repository == "" || open > 0) && f.Capacity.Open >= f.MaxRunners-kept:
		return FillResult{Reason: fmt.Sprintf("the last %d of max_runners are kept for repositories that have no runner", kept)}
	case f.Capacity.Pace.free(now) == 0:
		return FillResult{Reason: paceReason}
	}
	run := pool.run()
	facts := LaunchFacts{Run: run, Holds: f.Holds, Deployment: f.Deployment, Now: now}
	for rung := run.FirstRung; rung < max(1, run.Rungs); rung++ {
		if !facts.held(rung) {
			return f.launch(rung)
		}
	}
	return FillResult{Reason: "launches of its class or image are held"}
}

// held reports whether a hold keeps runs from being launched on a rung. A pool does not try
// whether it is over: runs do.
func (f LaunchFacts) held(rung int) bool {
	return slices.ContainsFunc(f.Run.holdsAt(rung), func(r holdRef) bool { return r.in(f.Holds).Holds(f.Deployment) })
}

func (s PoolState) pauseReason() string {
	if s.Failure != "" {
		return "its last runner failed, and it tries again after a pause: " + s.Failure
	}
	return "its last runner was lost soon after it was launched, and it pauses before the next one"
}

func (f PoolFacts) spent() bool {
	most := time.Duration(f.Pool.Warm.IdleHoursPerDay) * time.Hour
	return most > 0 && f.Capacity.IdleToday(f.Pool.Key, f.Now) >= most
}

func (f PoolFacts) spentReason() string {
	return fmt.Sprintf("idle_hours_per_day (%d) are used up until 00:00 UTC", f.Pool.Warm.IdleHoursPerDay)
}

// idle are the pool's runners that idle and give way to no run, sorted by id.
func (f PoolFacts) idle() (ids []string) {
	for id, w := range f.Capacity.Warm {
		if w.Pool == f.Pool.Key && w.GivesWayTo == "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (f PoolFacts) launch(rung int) FillResult {
	capacity := f.Capacity
	capacity.WarmMade++
	runner := Runner{
		Schema: Schema, RunnerID: WarmID(f.FleetName, capacity.freeSlot(f.FleetName), capacity.WarmMade), Pool: f.Pool.Key, RegisteredIn: f.Pool.Place, Spec: f.Pool.Spec,
		Status: RunnerStarting, Phase: Open, Repository: f.Pool.Repository, RepositoryID: f.RepositoryID,
		Labels: f.Pool.Labels, Rung: rung, Times: Times{}.set(StageLaunched, f.Now),
	}
	capacity.Open++
	capacity.Pace = capacity.Pace.started(f.Now)
	capacity.OpenOf = count(capacity.OpenOf, RepositoryKey(runner.Repository), 1)
	capacity = capacity.keptWarm(runner, runner, f.Now).poolIs(f.Pool.Key, f.Now, func(s PoolState) PoolState {
		s.Launched++
		s.LaunchedAt = f.Now.UTC()
		return s
	})
	return FillResult{RunnerID: runner.RunnerID, Changes: Changes{Runners: []Runner{runner}, Capacity: &capacity}}
}

// BeyondUsedIDs has the next warm runner be numbered by the minute, after a release that
// does not know WarmMade has dropped it. No fleet has launched as many.
func (c Capacity) BeyondUsedIDs(now time.Time) Capacity {
	c.WarmMade = int(now.Unix() / 60)
	return c
}

// freeSlot is the lowest slot that no idle runner has.
func (c Capacity) freeSlot(fleetName string) int {
	taken := map[string]bool{}
	for id := range c.Warm {
		taken[id[:max(0, strings.LastIndexByte(id, '-'))]] = true
	}
	for slot := range len(taken) {
		if !taken[fmt.Sprintf("%s-%s%d", fleetName, warmSlot, slot+1)] {
			return slot + 1
		}
	}
	return len(taken) + 1
}

// WarmEnd is an idle runner to be ended, and why.
type WarmEnd struct{ RunnerID, Reason string }

// Ends are the pool's idle runners that it wants no longer. A runner that is expected, or
// has a job, is not among them. Of those that are too old it is one at a time.
func (f PoolFacts) Ends() (ends []WarmEnd) {
	idle, wanted := f.idle(), f.Pool.Wanted(f.Now)
	end := func(id, reason string) { ends = append(ends, WarmEnd{id, reason}) }
	if f.spent() {
		for _, id := range idle {
			end(id, f.spentReason())
		}
		return ends
	}
	var oldest string
	var good []string
	for _, id := range idle {
		w := f.Capacity.Warm[id]
		switch {
		case w.Spec != f.Pool.Spec:
			end(id, "the configuration of its class has changed")
			continue
		case f.RepositoryID != 0 && !SameRepository(w.Place, f.Pool.Place):
			end(id, "it is registered under an old name of its repository, which is "+f.Pool.Repository+" now")
			continue
		case f.Now.Sub(w.Made) >= f.Pool.rotateAfter() && (oldest == "" || w.Made.Before(f.Capacity.Warm[oldest].Made)):
			oldest = id
		}
		good = append(good, id)
	}
	slices.SortStableFunc(good, func(a, b string) int { return f.Capacity.Warm[b].Made.Compare(f.Capacity.Warm[a].Made) })
	switch {
	case wanted == 0:
		for _, id := range good {
			end(id, "its schedule wants no runner now")
		}
	case len(good) > wanted:
		for _, id := range good[wanted:] {
			end(id, "its pool has more idle runners than it wants")
		}
	case oldest != "":
		end(oldest, "it is replaced after "+f.Pool.rotateAfter().String())
	}
	return ends
}

// Strays are idle runners of pools that the configuration no longer has.
func (c Capacity) Strays(pools []Pool) (ends []WarmEnd) {
	for _, id := range slices.Sorted(maps.Keys(c.Warm)) {
		if !slices.ContainsFunc(pools, func(p Pool) bool { return p.Key == c.Warm[id].Pool }) {
			ends = append(ends, WarmEnd{id, "the configuration has no such pool any more"})
		}
	}
	return ends
}

// GivingWay are idle runners that end for runs that wait for room: the process that let them
// give way may have died before it ended them.
func (c Capacity) GivingWay() (ends []WarmEnd) {
	for _, id := range slices.Sorted(maps.Keys(c.Warm)) {
		if c.Warm[id].GivesWayTo != "" {
			ends = append(ends, WarmEnd{id, GivesWay})
		}
	}
	return ends
}

// GivesWay is the reason of an idle runner that ends for a run that waits for room.
const GivesWay = "it gave way to a job that waited for room"
