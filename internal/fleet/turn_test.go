package fleet_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// queue is a fleet with runs that wait for room.
type queue struct {
	capacity     fleet.Capacity
	max, one     int
	kept         int // for repositories that have no runner
	repositories int
	waiting      []fleet.Run
}

func (q *queue) launch(run fleet.Run, behind bool) (fleet.Run, bool) {
	res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: q.max, MaxPerRepository: q.one, KeptForOthers: q.kept, Repositories: q.repositories, Run: run, Capacity: q.capacity, Behind: behind, Now: now})
	if c := res.Changes.Capacity; c != nil {
		q.capacity = *c
	}
	for _, changed := range res.Changes.Runs {
		run = changed
	}
	return run, res.RunnerID != ""
}

func (q *queue) add(id int64, repository string) {
	job := jobOf(id)
	job.Repository = repository
	run := fleet.NewRun(job, now)
	place := q.capacity.Place(run, q.one > 0)
	behind := slices.ContainsFunc(q.waiting, func(r fleet.Run) bool { return !r.WaitsForShare && r.ComesBefore(place) })
	if run, launched := q.launch(run, behind); !launched {
		q.waiting = append(q.waiting, run)
	}
}

// next closes the runner of a run of a repository and launches the next run in turn.
func (q *queue) next(closed string) string {
	_, runner := launchedOf(closed)
	q.capacity = *fleet.Close(fleet.CloseFacts{Runner: runner, Capacity: q.capacity, Now: now}).Changes.Capacity
	slices.SortFunc(q.waiting, func(a, b fleet.Run) int {
		_, first := a.WaitList()
		_, second := b.WaitList()
		return cmp.Or(cmp.Compare(first, second), cmp.Compare(a.RunID, b.RunID))
	})
	for i, run := range q.waiting {
		if run, launched := q.launch(run, false); launched {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return run.Job.Repository
		}
	}
	return ""
}

func launchedOf(repository string) (fleet.Run, fleet.Runner) {
	job := jobOf(1)
	job.Repository = repository
	res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 10, Run: fleet.NewRun(job, now), Now: now})
	return res.Changes.Runs[0], res.Changes.Runners[0]
}

// A repository with a hundred waiting runs does not delay one with a single waiting run
// for longer than a turn.
func TestRepositoriesTakeTurns(t *testing.T) {
	q := &queue{max: 2, one: 3}
	for id := range int64(100) {
		q.add(id, "octo/many")
	}
	for range 10 {
		q.next("octo/many")
	}
	q.add(500, "octo/one")
	q.add(501, "octo/one")
	var order []string
	for range 5 {
		order = append(order, q.next("octo/many"))
	}
	// The two alternate with the next two of the others.
	equal(t, fmt.Sprint(order[:4]), "[octo/many octo/one octo/many octo/one]")
}

func TestAShareIsLeftForOthers(t *testing.T) {
	q := &queue{max: 10, one: 9}
	for id := range int64(30) {
		q.add(id, "octo/many")
	}
	equal(t, q.capacity.OpenOf["octo/many"], 9)
	if run := q.waiting[0]; !run.WaitsForShare || run.Reason != "waits for room: max_runners_per_repository is 9" {
		t.Errorf("it waits: %s", run.Reason)
	}
	q.add(100, "octo/one")
	equal(t, q.capacity.OpenOf["octo/one"], 1)
	q.add(101, "octo/one")
	equal(t, q.waiting[len(q.waiting)-1].Reason, "waits for room: max_runners is 10")
}

// Two repositories below their shares do not take all the room together.
func TestPlacesAreKeptForRepositoriesThatHaveNone(t *testing.T) {
	q := &queue{max: 10, one: 9, kept: 2, repositories: 4}
	for id := range int64(30) {
		q.add(id, []string{"octo/greedy", "octo/hungry"}[id%2])
	}
	equal(t, fmt.Sprint(q.capacity.OpenOf), "map[octo/greedy:4 octo/hungry:4]")
	if run := q.waiting[0]; !run.WaitsForShare || run.Reason != "waits for room: the last 2 of max_runners are kept for repositories that have no runner" {
		t.Errorf("it waits: %s", run.Reason)
	}
	q.add(100, "octo/honest")
	q.add(101, "octo/honest")
	equal(t, q.capacity.OpenOf["octo/honest"], 1)
	q.add(102, "octo/last")
	q.add(103, "octo/nobody-knows")
	equal(t, q.capacity.Open, 10)
}

func TestWhatIsKeptForOthers(t *testing.T) {
	for _, c := range []struct{ repositories, max, set, want int }{{1, 20, 0, 0}, {2, 20, 0, 2}, {2, 5, 0, 1}, {2, 1, 0, 0}, {9, 1000, 0, 100}, {2, 20, 3, 0}} {
		p := fleet.Policy{Repositories: make([]string, c.repositories), MaxRunners: c.max, MaxPerRepository: c.set}
		if got := p.KeptForOthers(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestTheListThatARunWaitsIn(t *testing.T) {
	run := fleet.NewRun(jobOf(7), now)
	run.WaitsForRoom, run.Turn = true, 12
	list, order := run.WaitList()
	equal(t, list+" "+order, "room 0000000000000000012")
	run.WaitsForShare = true
	list, _ = run.WaitList()
	equal(t, list, "room/octo/repo")
	run.WaitsForRoom = false
	list, _ = run.WaitList()
	equal(t, list, "")
}

func TestTheShareOfARepository(t *testing.T) {
	for _, c := range []struct{ repositories, max, set, want int }{
		{1, 20, 0, 0}, {2, 20, 0, 18}, {2, 5, 0, 4}, {2, 1, 0, 0}, {3, 1000, 0, 900}, {2, 20, 3, 3}, {1, 20, 3, 3}, {2, 20, 99, 0},
	} {
		p := fleet.Policy{Repositories: make([]string, c.repositories), MaxRunners: c.max, MaxPerRepository: c.set}
		if got := p.Share(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestRecount(t *testing.T) {
	open := []fleet.Runner{{Repository: "octo/a"}, {Repository: "Octo/A"}, {Repository: "octo/b"}}
	right, changed := fleet.Capacity{Open: 3, Turn: 5}.Recount(open, time.Time{})
	equal(t, changed, true)
	equal(t, right, fleet.Capacity{Open: 3, OpenOf: map[string]int{"octo/a": 2, "octo/b": 1}, Turn: 5})
	_, changed = right.Recount(open, time.Time{})
	equal(t, changed, false)
}

// The record of turns has a bound, also if jobs of 20,000 repositories wait at once.
func TestTurnsOfTwentyThousandRepositories(t *testing.T) {
	c := fleet.Capacity{}
	for i := range 20_000 {
		run := fleet.Run{RunID: fmt.Sprint(i), Status: fleet.RunQueued, Job: fleet.Job{Repository: fmt.Sprintf("acme/%s%d", strings.Repeat("x", 90), i)}}
		facts := fleet.LaunchFacts{FleetName: "f", MaxRunners: 0, MaxPerRepository: 1, Run: run, Capacity: c, Now: time.Unix(1, 0)}
		if now := fleet.Launch(facts).Changes.Capacity; now != nil {
			c = *now
		}
	}
	text, err := json.Marshal(c)
	if err != nil || len(text) > 330<<10 || len(c.Turns) == 0 {
		t.Errorf("%d turns have %d bytes, %v", len(c.Turns), len(text), err)
	}
}
