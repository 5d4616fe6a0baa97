package fleet

import (
	"fmt"
	"maps"
	"strings"
)

// RoomList is the WaitList of runs that wait for room.
const RoomList = "room"

// ShareList is the WaitList of the runs of a repository that has as many runners as it
// may have.
func ShareList(repository string) string { return RoomList + "/" + RepositoryKey(repository) }

// TurnOf is the turn of a run among those that wait for room. Repositories take turns:
// a run comes one turn after its repository's last one, or after the run that was
// launched last. So a repository with a thousand runs waiting and one with a single run
// are next in turn.
func (c Capacity) TurnOf(run Run) int64 {
	if run.Turn != 0 {
		return run.Turn
	}
	return max(c.Turn, c.Turns[RepositoryKey(run.Job.Repository)]) + 1
}

// ComesBefore tells whether a run that waits for room comes before another one, of which
// the turn may not be written down yet.
func (r Run) ComesBefore(turn int64, runID string) bool {
	return r.Turn < turn || r.Turn == turn && r.RunID < runID
}

// gave notes the turn that a run was given.
func (c Capacity) gave(run Run) Capacity {
	c.Turns = maps.Clone(c.Turns)
	if c.Turns == nil {
		c.Turns = map[string]int64{}
	}
	c.Turns[RepositoryKey(run.Job.Repository)] = run.Turn
	return c
}

// opened counts the runner of a run, whose turn has come if it waited.
func (c Capacity) opened(run Run) Capacity {
	c.Open++
	c.OpenOf = count(c.OpenOf, run.Job.Repository, 1)
	if run.Turn > c.Turn {
		c.Turn = run.Turn
		c.Turns = maps.Clone(c.Turns)
		maps.DeleteFunc(c.Turns, func(_ string, last int64) bool { return last <= c.Turn })
	}
	return c
}

// closed takes a runner of a repository away.
func (c Capacity) closed(repository string) Capacity {
	c.Open = max(0, c.Open-1)
	c.OpenOf = count(c.OpenOf, repository, -1)
	return c
}

func count(of map[string]int, repository string, by int) map[string]int {
	key := RepositoryKey(repository)
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

// Recount is the capacity with the runners that are open. changed is false if it was
// right.
func (c Capacity) Recount(open []Runner) (_ Capacity, changed bool) {
	of := map[string]int{}
	for _, r := range open {
		of[RepositoryKey(r.Repository)]++
	}
	if c.Open == len(open) && maps.Equal(of, c.OpenOf) {
		return c, false
	}
	c.Open, c.OpenOf = len(open), of
	return c, true
}

// Share is how many runners a repository may have at once, 0 if as many as there are:
// with several repositories a tenth of max_runners, one at least, is left for others.
func (p Policy) Share() int {
	share := p.MaxPerRepository
	if share == 0 && len(p.Repositories) > 1 {
		share = max(1, p.MaxRunners-max(1, p.MaxRunners/10))
	}
	if share >= p.MaxRunners {
		return 0
	}
	return share
}

// waitForRoom lets a run wait for room, or for its repository's share of it, with the
// reason.
func (f LaunchFacts) waitForRoom(run Run, reason string, share bool) LaunchResult {
	if run.WaitsForRoom && run.Reason == reason && run.WaitsForShare == share && run.Turn != 0 {
		return LaunchResult{Reason: reason}
	}
	changes := Changes{}
	if run.Turn == 0 {
		run.Turn = f.Capacity.TurnOf(run)
		capacity := f.Capacity.gave(run)
		changes.Capacity = &capacity
	}
	run = run.Move(RunQueued, reason)
	run.WaitsForRoom, run.WaitsForShare = true, share
	changes.Runs = []Run{run}
	return LaunchResult{Reason: reason, Changes: changes}
}

// WaitList says in which list of runs that wait the run stands, "" if in none, and its
// order there: its turn, when it is tried again, or, where that is up to a hold, when it
// failed last.
func (r Run) WaitList() (list, order string) {
	switch {
	case r.WaitsForRoom && r.WaitsForShare:
		return ShareList(r.Job.Repository), turnOrder(r.Turn)
	case r.WaitsForRoom:
		return RoomList, turnOrder(r.Turn)
	case !r.Retrying():
		return "", ""
	case r.Setback.Hold == "":
		return OwnRetries, TimeOrder(r.Setback.NextTry)
	}
	return r.Setback.Hold, TimeOrder(r.Setback.At)
}

func turnOrder(turn int64) string { return fmt.Sprintf("%019d", turn) }

// LaterOrder comes after every order of a WaitList.
var LaterOrder = strings.Repeat("~", 3)
