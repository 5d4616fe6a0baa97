package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// pool is the pool of the configuration with a key.
func (w *World) pool(key string) (fleet.Pool, bool) {
	pools, err := w.policy.Pools()
	if err != nil {
		panic(err) // the scenario was checked
	}
	i := slices.IndexFunc(pools, func(p fleet.Pool) bool { return p.Key == key })
	if i < 0 {
		return fleet.Pool{}, false
	}
	return pools[i], true
}

// mostReplaced bounds how often a slot of a pool is launched anew in an hour without a job:
// every two minutes, and a few more around the edges.
const mostReplaced = 34

// filled judges the launch of a warm runner: its pool wants it, and does not replace what is
// lost faster than it may.
func (j *judge) filled(runner fleet.Runner) {
	pool, known := j.w.pool(runner.Pool)
	now := j.w.k.Now()
	// The sweep that decided may be slow, and its clock ahead of the world's.
	wantedIn := func(d time.Duration) bool { return pool.Wanted(now.Add(d)) > 0 }
	if !known || !wantedIn(-time.Minute) && !wantedIn(0) && !wantedIn(time.Minute) {
		j.find(ruleWarm, runner.RunnerID, "runner %s is launched for pool %s, which wants none", runner.RunnerID, runner.Pool)
		return
	}
	idle, wasted := 1, 0
	for _, other := range j.runners {
		switch {
		case other.Pool != runner.Pool || other.RunnerID == runner.RunnerID:
		case other.Idle() && j.w.Table.CapacityNow().Warm[other.RunnerID].GivesWayTo == "":
			idle++
		case other.Took == 0 && now.Sub(other.At(fleet.StageLaunched)) < time.Hour:
			wasted++
		}
	}
	if idle > pool.Warm.Count {
		j.find(ruleWarm, runner.RunnerID, "runner %s is the %dth idle one of pool %s, which has %d", runner.RunnerID, idle, runner.Pool, pool.Warm.Count)
	}
	if wasted > mostReplaced*pool.Warm.Count {
		j.find(ruleWarm, runner.Pool, "pool %s has lost %d runners within an hour", runner.Pool, wasted)
	}
	for _, run := range j.runs {
		if list, _ := run.WaitList(); list == fleet.RoomList && run.RunnerID == "" && run.Wanted() && now.Sub(run.WaitsSince) > 5*time.Minute && j.w.Table.CapacityNow().Open >= j.w.policy.MaxRunners {
			j.find(ruleWarm, runner.RunnerID, "runner %s takes the last room although run %s has waited for it since %s", runner.RunnerID, run.RunID, run.WaitsSince.Sub(j.w.epoch()))
		}
	}
}

// idle compares the list of idle runners with their records.
func (j *judge) idle() {
	listed := j.w.Table.CapacityNow().Warm
	for _, id := range slices.Sorted(maps.Keys(listed)) {
		if r := j.runners[id]; r.For != "" || r.Took != 0 || r.Phase == fleet.Closed {
			j.find(ruleWarm, id, "runner %s is listed as idle, and is %s for %q with job %d", id, r.Phase, r.For, r.Took)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.idlers)) {
		if _, is := listed[id]; !is {
			j.find(ruleWarm, id, "runner %s idles in pool %s, and no launch would find it", id, j.runners[id].Pool)
		}
	}
}
