package fleet

import (
	"maps"
	"slices"
	"time"
)

// PoolState is what became of the runners of a pool, on one day of UTC.
type PoolState struct {
	Day         string `json:"day"`
	Launched    int    `json:"launched"`
	Taken       int    `json:"taken"`        // by a launch, or by GitHub with a job that had not been launched
	Lost        int    `json:"lost"`         // GitHub deleted them while they idled, or their machine was taken back
	Ended       int    `json:"ended"`        // by the fleet, while they idled: rotated, too many, or for a run that waited for room
	Failed      int    `json:"failed"`       // before they were registered
	IdleSeconds int    `json:"idle_seconds"` // of those that idle no longer
	// InARow counts the failures since the last runner that worked, and NextTry is when the
	// pool may launch again.
	InARow  int       `json:"in_a_row,omitempty"`
	NextTry time.Time `json:"next_try_at,omitzero"`
	Failure string    `json:"failure,omitempty"`
	// LostAt and LaunchedAt are the last times of each.
	LostAt     time.Time `json:"lost_at,omitzero"`
	LaunchedAt time.Time `json:"launched_at,omitzero"`
}

// replacePause is the shortest time between the launch of a runner that was lost and that of
// the next one of its pool. GitHub deletes registrations that idle for some minutes
// (actions/runner#4726), so this bounds what a pool costs whatever GitHub does.
const replacePause = 2 * time.Minute

// apart is the time between two launches of a pool that has lost runners in the time of
// loses: so GitHub does not delete all of them at once.
const (
	apart = 50 * time.Second // less than a minute, which is between two sweeps
	loses = 10 * time.Minute
)

// keptWarm is the capacity after warm runners have changed: it counts them for the
// repositories of their runs, and lists those that idle.
func (c Capacity) keptWarm(was, is Runner, now time.Time) Capacity {
	if !is.IsWarm() {
		return c
	}
	if was.Repository != is.Repository && is.Phase != Closed {
		c.OpenOf = count(count(c.OpenOf, RepositoryKey(was.Repository), -1), RepositoryKey(is.Repository), 1)
	}
	switch listed, there := c.Warm[is.RunnerID]; {
	case is.Idle() && !there:
		c.Warm = maps.Clone(c.Warm)
		if c.Warm == nil {
			c.Warm = map[string]WarmRunner{}
		}
		c.Warm[is.RunnerID] = WarmRunner{
			Pool: is.Pool, Place: is.RegisteredIn, Labels: is.Labels, Spec: is.Spec, Since: now.UTC(), Made: is.At(StageLaunched),
		}
	case !is.Idle() && there:
		c = c.leaves(is.RunnerID, listed, now)
	}
	return c
}

// leaves takes a runner from the list of those that idle, and counts how long it did.
func (c Capacity) leaves(runnerID string, listed WarmRunner, now time.Time) Capacity {
	c.Warm = maps.Clone(c.Warm)
	delete(c.Warm, runnerID)
	if len(c.Warm) == 0 {
		c.Warm = nil
	}
	return c.poolIs(listed.Pool, now, func(s PoolState) PoolState {
		s.IdleSeconds += listed.idleToday(now)
		return s
	})
}

// idleToday is how many seconds of today the runner has idled.
func (w WarmRunner) idleToday(now time.Time) int {
	since := w.Since
	if midnight := now.UTC().Truncate(24 * time.Hour); since.Before(midnight) {
		since = midnight
	}
	return max(0, int(now.Sub(since)/time.Second))
}

func dayOf(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// State is the state of a pool today.
func (c Capacity) State(pool string, now time.Time) PoolState {
	s := c.Pools[pool]
	if s.Day != dayOf(now) {
		s = PoolState{Day: dayOf(now), InARow: s.InARow, NextTry: s.NextTry, Failure: s.Failure, LostAt: s.LostAt, LaunchedAt: s.LaunchedAt}
	}
	return s
}

// keptDays is how long the state of a pool is kept in which nothing happens.
const keptDays = 7

// poolIs changes the state of a pool.
func (c Capacity) poolIs(pool string, now time.Time, change func(PoolState) PoolState) Capacity {
	next := change(c.State(pool, now))
	c.Pools = maps.Clone(c.Pools)
	if c.Pools == nil {
		c.Pools = map[string]PoolState{}
	}
	oldest := dayOf(now.AddDate(0, 0, -keptDays))
	maps.DeleteFunc(c.Pools, func(_ string, s PoolState) bool { return s.Day < oldest })
	c.Pools[pool] = next
	return c
}

// IdleToday is how long the idle runners of a pool have lived together today.
func (c Capacity) IdleToday(pool string, now time.Time) time.Duration {
	seconds := c.State(pool, now).IdleSeconds
	for _, w := range c.Warm {
		if w.Pool == pool {
			seconds += w.idleToday(now)
		}
	}
	return time.Duration(seconds) * time.Second
}

// taken counts a warm runner that a run has found, or GitHub has given a job. One that does
// shows that the pool's runners work.
func (c Capacity) taken(runner Runner, now time.Time) Capacity {
	return c.poolIs(runner.Pool, now, func(s PoolState) PoolState {
		s.Taken++
		if !runner.At(StageRegistered).IsZero() {
			s.InARow, s.Failure = 0, ""
		}
		return s
	})
}

// mostFailure bounds the failure in a pool's state: each launch reads it.
const mostFailure = 300

// poolPauses are how long a pool waits after so many failures in a row.
var poolPauses = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// closedWarm counts how a warm runner ended that had no job. was is the runner before, and
// name the fleet's failure, "" if there was none.
func (c Capacity) closedWarm(was Runner, name, cause string, now time.Time) Capacity {
	if listed, there := c.Warm[was.RunnerID]; there {
		c = c.leaves(was.RunnerID, listed, now)
	}
	if !was.IsWarm() || was.Took != 0 {
		return c
	}
	return c.poolIs(was.Pool, now, func(s PoolState) PoolState {
		next := was.At(StageLaunched).Add(replacePause)
		switch {
		case name != "" && (was.For == "" || was.At(StageRegistered).IsZero()):
			s.InARow++
			s.Failed++
			s.Failure = Clip(name+": "+cause, mostFailure)
			next = now.Add(poolPauses[min(s.InARow, len(poolPauses))-1])
		case was.Phase == Closing:
			s.Ended++
			return s
		default:
			s.Lost++
			s.LostAt = now.UTC()
		}
		if next.After(s.NextTry) {
			s.NextTry = next.UTC()
		}
		return s
	})
}

// recountWarm lists the runners that idle, as their records say. changed is false if the
// list was right.
func (c Capacity) recountWarm(open []Runner, now time.Time) (_ Capacity, changed bool) {
	idle := map[string]bool{}
	for _, r := range open {
		givesWay := c.Warm[r.RunnerID].GivesWayTo != "" && r.Took == 0
		if idle[r.RunnerID] = r.Idle() || givesWay; r.Idle() {
			if _, there := c.Warm[r.RunnerID]; !there {
				c, changed = c.keptWarm(r, r, now), true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Warm)) {
		if !idle[id] {
			c, changed = c.leaves(id, c.Warm[id], now), true
		}
	}
	return c, changed
}
