package fleet

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// RoomList is the WaitList of runs that wait for room.
const RoomList = "room"

// ShareList is the WaitList of the runs of a repository that has as many runners as it
// may have.
func ShareList(repository string) string { return RoomList + "/" + RepositoryKey(repository) }

// turnOf is the turn of a run among those that wait for room. Repositories take turns: a
// run comes one turn after its repository's last one, or after the run that was launched
// last. So a repository with a thousand waiting runs and one with a single run both get
// the next turn.
func (c Capacity) turnOf(run Run) int64 {
	if run.Turn != 0 {
		return run.Turn
	}
	return max(c.Turn, c.Turns[RepositoryKey(run.Job.Repository)]) + 1
}

// Place is where a run is, or would be, in the RoomList. If one repository has all the
// room, the oldest run comes first.
func (c Capacity) Place(run Run, turns bool) string {
	if turns {
		run.Turn = c.turnOf(run)
	}
	return run.place()
}

// place is the order of a run in a list of those that wait for room; equal ones are
// ordered by id.
func (r Run) place() string { return r.roomOrder() + "#" + r.RunID }

func (r Run) roomOrder() string {
	if r.Turn == 0 {
		return TimeOrder(r.At(StageReceived))
	}
	return fmt.Sprintf("%019d", r.Turn)
}

// ComesBefore reports whether a run that waits for room comes before a place.
func (r Run) ComesBefore(place string) bool { return r.place() < place }

// mostTurns bounds the record of turns: of so many repositories, with the longest names that
// GitHub allows, it has 320 KB, and DynamoDB allows 400 for an item.
const mostTurns = 2000

// gave records the turn that a run was given. Of more than mostTurns repositories the others
// have the next turn for each of their runs.
func (c Capacity) gave(run Run) Capacity {
	if _, known := c.Turns[RepositoryKey(run.Job.Repository)]; !known && len(c.Turns) >= mostTurns {
		return c
	}
	c.Turns = maps.Clone(c.Turns)
	if c.Turns == nil {
		c.Turns = map[string]int64{}
	}
	c.Turns[RepositoryKey(run.Job.Repository)] = run.Turn
	return c
}

// opened counts the runner of a run, whose turn has come if it waited.
func (c Capacity) opened(run Run, now time.Time) Capacity {
	c.Open++
	c.Pace = c.Pace.started(now)
	c.OpenOf = count(c.OpenOf, RepositoryKey(run.Job.Repository), 1)
	c.OpenOfRule = count(c.OpenOfRule, run.AdmittedBy, 1)
	return c.turned(run)
}

// turned is the capacity once a run has a runner: if it waited for room, its turn has come.
func (c Capacity) turned(run Run) Capacity {
	if run.Turn > c.Turn {
		c.Turn = run.Turn
		c.Turns = maps.Clone(c.Turns)
		maps.DeleteFunc(c.Turns, func(_ string, last int64) bool { return last <= c.Turn })
	}
	return c
}

// closed removes a runner from the count.
func (c Capacity) closed(runner Runner) Capacity {
	c.Open = max(0, c.Open-1)
	c.OpenOf = count(c.OpenOf, RepositoryKey(runner.Repository), -1)
	c.OpenOfRule = count(c.OpenOfRule, runner.Rule, -1)
	return c
}

// count counts up or down. What has no key is not counted.
func count(of map[string]int, key string, by int) map[string]int {
	if key == "" {
		return of
	}
	next := maps.Clone(of)
	if next == nil {
		next = map[string]int{}
	}
	if next[key] = max(0, next[key]+by); next[key] == 0 {
		delete(next, key)
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

// ShareLeft is how many more runners a repository may have.
func (c Capacity) ShareLeft(share int, repository string) int {
	return max(0, share-c.OpenOf[RepositoryKey(repository)])
}

// Recount is the capacity counted from the open runners. changed is false if it was
// right.
func (c Capacity) Recount(open []Runner, now time.Time) (_ Capacity, changed bool) {
	c, relisted := c.recountWarm(open, now)
	var right Capacity
	for _, r := range open {
		right.OpenOf = count(right.OpenOf, RepositoryKey(r.Repository), 1)
		right.OpenOfRule = count(right.OpenOfRule, r.Rule, 1)
	}
	if c.Open == len(open) && maps.Equal(right.OpenOf, c.OpenOf) && maps.Equal(right.OpenOfRule, c.OpenOfRule) {
		return c, relisted
	}
	c.Open, c.OpenOf, c.OpenOfRule = len(open), right.OpenOf, right.OpenOfRule
	return c, true
}

// Share is how many runners a repository may have at once, 0 for no limit: if there are
// several repositories, a tenth of max_runners, at least one, is left for others.
func (p Policy) Share() int {
	share := p.MaxPerRepository
	if share == 0 && p.Serves() > 1 {
		share = max(1, p.MaxRunners-max(1, p.MaxRunners/10))
	}
	if share >= p.MaxRunners {
		return 0
	}
	return share
}

// fullRepository reports whether the run's repository has as many runners as it may have.
func (f LaunchFacts) fullRepository(run Run) bool {
	return f.MaxPerRepository > 0 && f.Capacity.OpenOf[RepositoryKey(run.Job.Repository)] >= f.MaxPerRepository
}

// KeptForOthers is how many of max_runners are kept by default for repositories that
// have no runner: a tenth, at least one, if there are several repositories.
func (p Policy) KeptForOthers() int {
	if p.MaxPerRepository != 0 || p.Serves() < 2 || p.MaxRunners < 2 {
		return 0
	}
	return max(1, p.MaxRunners/10)
}

// waitsFor is what a run without room waits for.
type waitsFor int

const (
	forRoom  waitsFor = iota
	forShare          // of its repository
	forRule           // the rule that admits it
)

// waitForRoom makes a run wait for room, or for its repository's or its rule's share of
// it, with the reason.
func (f LaunchFacts) waitForRoom(run Run, reason string, what waitsFor) LaunchResult {
	turns := f.MaxPerRepository > 0 && what == forRoom
	same := run.WaitsForShare == (what == forShare) && run.WaitsForRule == (what == forRule)
	if run.WaitsForRoom && run.Reason == reason && same && !run.WaitsSince.IsZero() && (run.Turn != 0 || !turns) {
		return LaunchResult{Reason: reason}
	}
	changes := Changes{}
	if turns && run.Turn == 0 {
		run.Turn = f.Capacity.turnOf(run)
		capacity := f.Capacity.gave(run)
		changes.Capacity = &capacity
	}
	if run.WaitsSince.IsZero() {
		run.WaitsSince = f.Now.UTC()
	}
	run = run.Move(RunQueued, reason)
	run.WaitsForRoom, run.WaitsForShare, run.WaitsForRule = true, what == forShare, what == forRule
	changes.Runs = []Run{run}
	return LaunchResult{Reason: reason, Changes: changes}
}

// WaitList returns the list of waiting runs that the run is in, "" if it is in none, and
// its order there: its turn, the time of its next try, or, if a hold decides about that,
// the time of its last failure. A run that has ended is at most in the list of those whose refusal is to
// be shown, or of those whose job may be run again.
func (r Run) WaitList() (list, order string) {
	switch {
	case r.WaitsForRoom && r.WaitsForRule:
		return RuleList(r.AdmittedBy), r.roomOrder()
	case r.WaitsForRoom && r.WaitsForShare:
		return ShareList(r.Job.Repository), r.roomOrder()
	case r.WaitsForRoom:
		return RoomList, r.roomOrder()
	case r.Status.Terminal() && r.Notice != nil && !r.Notice.NextTry.IsZero():
		return NoticeList, TimeOrder(r.Notice.NextTry)
	case r.Status.Terminal() && r.Rerun.pending():
		return RerunList, TimeOrder(r.Rerun.NextTry)
	case !r.Retrying():
		return "", ""
	case r.Setback.Hold == "":
		return OwnRetries, TimeOrder(r.Setback.NextTry)
	}
	return r.Setback.Hold, TimeOrder(r.Setback.At)
}

// LaterOrder comes after every order of a WaitList.
var LaterOrder = strings.Repeat("~", 3)
