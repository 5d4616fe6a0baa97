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
				equal(t, res.Reason, "waits for its turn: 90 runners start in a minute at most, for GitHub's limit of requests")
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

func TestRoom(t *testing.T) {
	q := &queue{max: 1000}
	for id := range int64(88) {
		q.add(id, "octo/app")
	}
	busy := q.capacity
	equal(t, busy.Room(1000, now), 2)
	equal(t, busy.Room(89, now), 1)
	equal(t, busy.Room(1000, now.Add(time.Minute)), 90)
	equal(t, busy.Pause("x", now).Room(1000, now), 0)
}
