package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// WarmRunner is a runner that waits in a pool for a launch that expects it. It is listed in
// the capacity, so that a launch that looks for one reads nothing more, and takes it in one
// transaction with the counts. The list may have runners that wait no longer: their records
// say so.
type WarmRunner struct {
	Pool   string    `json:"pool"`
	Place  string    `json:"place"`
	Labels []string  `json:"labels"`
	Spec   string    `json:"spec"`
	Since  time.Time `json:"since"` // it idles, or starts
	Made   time.Time `json:"made"`
	// GivesWayTo is the run that waits for its place.
	GivesWayTo string `json:"gives_way_to,omitempty"`
}

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

// Idle reports whether the runner waits in its pool, or starts for it: no run expects it, and
// it has no job that is known.
func (r Runner) Idle() bool {
	return r.Pool != "" && r.For == "" && r.Took == 0 && r.Phase == Open && r.Status != RunnerRunning
}

// IdleSince is since when a registered runner without a job waits for the job of a run: a
// warm one has waited for none before.
func (r Runner) IdleSince() time.Time {
	if since := r.At(StageRegistered); r.ExpectedAt.Before(since) {
		return since
	}
	return r.ExpectedAt
}

// IsWarm reports whether the runner was launched by a pool.
func (r Runner) IsWarm() bool { return r.Pool != "" }

// Input is what the execution of a warm runner begins with.
func (r Runner) Input() Document {
	return Document{Schema: Schema, Pool: r.Pool, Job: jobOfPool(r.Repository, r.Labels)}
}

// expectedBy is the warm runner once a run expects it, or has its job.
func (r Runner) expectedBy(run Run, now time.Time) Runner {
	if !r.IsWarm() {
		return r
	}
	r.RunID, r.ExpectedAt = run.RunID, now.UTC()
	if IsShared(r.RegisteredIn) {
		r.Repository = run.Job.Repository
	}
	return r
}

// returned is a warm runner that no run expects any more.
func (r Runner) returned() Runner {
	r.For, r.Rule = "", ""
	if IsShared(r.RegisteredIn) {
		r.Repository = ""
	}
	return r
}

// expectsIdle reports whether the run is to expect the warm runner that was found. A run that
// had a setback gets a runner of its own: it may have been a warm one that it lost.
func (f LaunchFacts) expectsIdle() bool {
	return f.Idle != nil && f.Run.Setback == nil && f.Run.RuleKnown && !(IsShared(f.Idle.RegisteredIn) && f.fullRepository(f.Run))
}

// expect makes the run and a warm runner expect each other.
func (f LaunchFacts) expect(idle Runner) LaunchResult {
	run := f.Run
	run.RunnerID, run.LastRunner, run.LaunchedAt = idle.RunnerID, idle.RunnerID, f.Now.UTC()
	run.WaitsForRoom, run.WaitsForShare, run.WaitsForRule = false, false, false
	run = run.Move(RunStarting, "").Mark(StageLaunched, f.Now)
	runner := idle.expectedBy(run, f.Now)
	runner.For, runner.Rule = run.RunID, run.AdmittedBy
	capacity := f.Capacity.turned(run).moved(idle.Rule, runner.Rule).keptWarm(idle, runner, f.Now).taken(runner, f.Now)
	return LaunchResult{RunnerID: run.RunnerID, Changes: Changes{Runs: []Run{run.Follow(runner)}, Runners: []Runner{runner}, Capacity: &capacity}}
}

// givesWay has an idle warm runner end for a run that has no room otherwise: one of a
// repository, "" for any. It is the same one when the launch is repeated.
func (f LaunchFacts) givesWay(res LaunchResult, repository string) LaunchResult {
	capacity := f.Capacity
	if res.Changes.Capacity != nil {
		capacity = *res.Changes.Capacity
	}
	var free string
	for _, r := range f.Others {
		switch listed := capacity.Warm[r.RunnerID]; {
		case listed.GivesWayTo == f.Run.RunID:
			res.GivesWay = r.RunnerID
			return res
		case free == "" && listed.GivesWayTo == "" && f.makesRoom(r, repository):
			free = r.RunnerID
		}
	}
	if free == "" {
		return res
	}
	listed := capacity.Warm[free]
	listed.GivesWayTo = f.Run.RunID
	capacity.Warm = maps.Clone(capacity.Warm)
	capacity.Warm[free] = listed
	res.GivesWay, res.Changes.Capacity = free, &capacity
	return res
}

// makesRoom reports whether the end of an idle runner helps the run. That of another
// repository's only runner does not where places are kept for repositories that have none:
// its place would be kept, too.
func (f LaunchFacts) makesRoom(r Runner, repository string) bool {
	own := f.Run.Job.Repository
	switch {
	case repository != "":
		return SameRepository(r.Repository, repository)
	case r.Repository == "", SameRepository(r.Repository, own), f.KeptForOthers == 0:
		return true
	}
	return f.Capacity.OpenOf[RepositoryKey(r.Repository)] > 1 || f.Capacity.OpenOf[RepositoryKey(own)] == 0
}

// Return lets a warm runner idle again: the run that expected it needs none any more.
func Return(run Run, runner Runner, capacity Capacity, now time.Time) Changes {
	was := runner
	run.RunnerID = ""
	runner = runner.returned()
	capacity = capacity.moved(was.Rule, runner.Rule).keptWarm(was, runner, now)
	return Changes{Runs: []Run{run}, Runners: []Runner{runner}, Capacity: &capacity}
}

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

// poolIs changes the state of a pool.
func (c Capacity) poolIs(pool string, now time.Time, change func(PoolState) PoolState) Capacity {
	next := change(c.State(pool, now))
	c.Pools = maps.Clone(c.Pools)
	if c.Pools == nil {
		c.Pools = map[string]PoolState{}
	}
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
			s.Failure = name + ": " + cause
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

// PoolFacts are what a decision about a pool needs.
type PoolFacts struct {
	FleetName        string
	MaxRunners       int
	MaxPerRepository int
	KeptForOthers    int
	Repositories     int
	Pool             Pool
	Place            string // the present name of the pool's place
	RepositoryID     int64  // GitHub's, 0 if it is not known
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
		return FillResult{Reason: f.spentReason()}
	case state.NextTry.After(now):
		return FillResult{Reason: state.pauseReason()}
	case now.Sub(state.LostAt) < loses && now.Sub(state.LaunchedAt) < apart:
		return FillResult{Reason: "it loses runners while they idle, and launches one a minute"}
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
	run.Job.Repository = f.repositoryNow()
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
		return "its last runner failed, and it tries again at " + s.NextTry.Format(time.TimeOnly) + " UTC: " + s.Failure
	}
	return "its last runner was lost soon after it was launched, and the next one comes at " + s.NextTry.Format(time.TimeOnly) + " UTC"
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

// repositoryNow is the present name of the pool's repository, "" if its place is shared.
func (f PoolFacts) repositoryNow() string {
	if f.Pool.Repository == "" {
		return ""
	}
	return f.Place
}

func (f PoolFacts) launch(rung int) FillResult {
	capacity := f.Capacity
	capacity.WarmMade++
	runner := Runner{
		Schema: Schema, RunnerID: WarmID(f.FleetName, capacity.freeSlot(f.FleetName), capacity.WarmMade), Pool: f.Pool.Key, RegisteredIn: f.Place, Spec: f.Pool.Spec,
		Status: RunnerStarting, Phase: Open, Repository: f.repositoryNow(), RepositoryID: f.RepositoryID,
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
