package fleet_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// However the launches fall, no fifty seconds have more than MostStarts of them.
func TestThePaceOfLaunches(t *testing.T) {
	q := &queue{max: 10_000}
	begin := now.Add(37 * time.Second)
	var starts []time.Time
	for second := range 600 {
		at := begin.Add(time.Duration(second) * time.Second)
		for id := range int64(200) {
			job := jobOf(int64(second)*1000 + id)
			res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: q.max, Run: fleet.NewRun(job, at), Capacity: q.capacity, Now: at})
			if res.RunnerID == "" {
				equal(t, res.Reason, "waits for its turn: 80 runners start in a minute at most, for GitHub's limit of requests")
				break
			}
			q.capacity = *res.Changes.Capacity
			starts = append(starts, at)
		}
	}
	if len(starts) < 9*fleet.MostStarts {
		t.Errorf("%d runners started in ten minutes", len(starts))
	}
	most, from := 0, 0
	for i, at := range starts {
		for at.Sub(starts[from]) >= 50*time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	if most > fleet.MostStarts {
		t.Errorf("%d started within fifty seconds", most)
	}
}

// A run that comes after others names max_runners only where that leaves fewer places than
// may start: those before it take them.
func TestWhyARunIsBehind(t *testing.T) {
	const full, turn = "waits for room: max_runners is 100", "waits for its turn: runs that came before it are launched first"
	for name, c := range map[string]struct {
		capacity fleet.Capacity
		want     string
	}{
		"all places are taken":           {fleet.Capacity{Open: 100}, full},
		"a place has just become free":   {fleet.Capacity{Open: 99}, full},
		"no more start in the minute":    {launching(fleet.MostStarts), turn},
		"fewer may start than have room": {launching(50), turn},
	} {
		t.Run(name, func(t *testing.T) {
			res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 100, Behind: true, Run: fleet.NewRun(jobOf(7), now), Capacity: c.capacity, Now: now})
			equal(t, res.Reason, c.want)
			equal(t, res.Changes.Runs[0].WaitsForTurn(), c.want == turn)
		})
	}
}

func TestRoom(t *testing.T) {
	busy := launching(58)
	equal(t, busy.Room(1000, now), 22)
	equal(t, busy.Room(59, now), 1)
	equal(t, busy.Room(1000, now.Add(time.Minute)), 80)
	equal(t, busy.Pause(pause("x", now)).Room(1000, now), 0)
}

// launching is the capacity after n launches at once.
func launching(n int64) fleet.Capacity {
	q := &queue{max: 1000}
	for id := range n {
		q.add(id, "octo/app")
	}
	return q.capacity
}

// After a burst the others start in a steady stream.
func TestTheStreamAfterABurst(t *testing.T) {
	burst := launching(60)
	equal(t, burst.Room(1000, now), 0)
	equal(t, burst.Room(1000, now.Add(10*time.Second)), 14)
	equal(t, launching(59).Room(1000, now), 21)
}

func TestHurried(t *testing.T) {
	for name, c := range map[string]struct {
		launched int64
		after    time.Duration
		want     bool
	}{
		"no runner was launched":     {0, 0, false},
		"few were":                   {39, 0, false},
		"many were":                  {40, 0, true},
		"many were, a minute ago":    {40, 90 * time.Second, true},
		"many were, two minutes ago": {40, 2*time.Minute + 10*time.Second, false},
	} {
		t.Run(name, func(t *testing.T) { equal(t, launching(c.launched).Hurried(now.Add(c.after)), c.want) })
	}
}
