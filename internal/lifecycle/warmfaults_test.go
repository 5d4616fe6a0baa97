package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

func TestAWarmRunnerThatFailsHoldsNothingOfTheRunThatExpectedIt(t *testing.T) {
	w := lifecycletest.New(t)
	pool := w.Pool(fleet.Warm{Count: 1, Image: "image:node:22"})
	w.Keeps = &pool.Warm
	if n, why, err := w.Fleet().FillPool(t.Context(), pool, 0, 1, inTime); n != 1 || err != nil {
		t.Fatal(n, why, err)
	}
	w.EditRunner(warm1, func(r *fleet.Runner) { *r = r.Progress(fleet.RunnerImageCreating) })
	if got := w.Launch(w.Job(7)); got == warm1 { // a job of the base image
		t.Errorf("job 7 expects %s, whose image node:22 is being built", got)
	}
	if _, _, err := w.Fleet().Finish(t.Context(), warm1, nil, fleet.ImageBuildFailed, "no such tag"); err != nil {
		t.Fatal(err)
	}
	if got := w.Launch(w.Job(8)); got != "fleet-8-1" {
		t.Errorf("job 8, of the base image, has %q: %s", got, w.Run("job-8").Reason)
	}
}

func TestIDsOfWarmRunnersAreNotUsedAgain(t *testing.T) {
	w := lifecycletest.New(t)
	w.Warm(1)
	if _, _, err := w.Fleet().Finish(t.Context(), warm1, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	c := w.Capacity()
	c.Warm, c.WarmMade, c.Pools = nil, 0, nil // as a release that does not know them writes it
	if err := w.Records.Write(t.Context(), fleet.Changes{Capacity: &c}); err != nil {
		t.Fatal(err)
	}
	if n, why, err := w.Fleet().FillPool(t.Context(), w.Pool(fleet.Warm{Count: 1}), 0, 1, inTime); n != 1 {
		t.Errorf("%d launched, %q, %v", n, why, err)
	}
}

func TestGivingWayMakesRoomWherePlacesAreKept(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	idle := fleet.Runner{RunnerID: warm1, Pool: "small@o/b", RegisteredIn: "o/b", Repository: "o/b", Phase: fleet.Open, Status: fleet.RunnerWaitingForJob}
	run := fleet.NewRun(fleet.Job{JobID: 7, Repository: "o/a", Labels: []string{"self-hosted"}}, now)
	f := fleet.LaunchFacts{
		FleetName: "fleet", MaxRunners: 20, MaxPerRepository: 18, KeptForOthers: 2, Repositories: 5, Run: run, Now: now, Others: []fleet.Runner{idle},
		Capacity: fleet.Capacity{Open: 19, OpenOf: map[string]int{"o/a": 10, "o/d": 8, "o/b": 1}, Warm: map[string]fleet.WarmRunner{warm1: {Pool: idle.Pool, Place: "o/b"}}},
	}
	res := fleet.Launch(f)
	if res.GivesWay == "" {
		return
	}
	f.Capacity, f.Others = fleet.Capacity{Open: 18, OpenOf: map[string]int{"o/a": 10, "o/d": 8}}, nil
	if after := fleet.Launch(f); after.RunnerID == "" {
		t.Errorf("%s was ended for a run that waits all the same: %s", res.GivesWay, after.Reason)
	}
}

func TestAnIdleRunnerOfTheRepositoryGivesWayAmongMany(t *testing.T) {
	w := lifecycletest.New(t)
	f := w.Fleet()
	f.MaxPerRepository = 2
	pool := w.Pool(fleet.Warm{Count: 2})
	for i := range 8 {
		other := pool
		other.Key, other.Place, other.Repository = fmt.Sprintf("small@o/r%d", i), fmt.Sprintf("o/r%d", i), fmt.Sprintf("o/r%d", i)
		if i == 3 {
			other = pool
		}
		if n, why, err := f.FillPool(t.Context(), other, 0, 2, inTime); n != 2 {
			t.Fatal(n, why, err)
		}
	}
	job := w.Job(7, "self-hosted", "class:large")
	if err := f.Queued(t.Context(), job, w.Policy().Wants(job), w.Now()); err != nil {
		t.Fatal(err)
	}
	for id := range w.Capacity().Warm {
		if r := w.Runner(id); fleet.SameRepository(r.Repository, lifecycletest.Repository) && r.Phase == fleet.Closing {
			return
		}
	}
	t.Errorf("the run %q, and no idle runner of its repository gives way", w.Run("job-7").Reason)
}

func TestAnotherRunnerGroupReplacesWarmRunners(t *testing.T) {
	w := lifecycletest.New(t)
	w.Keeps = &fleet.Warm{Count: 1}
	p := w.Policy()
	p.Organization, p.RunnerGroup = "octo", "everybody"
	was, _ := p.Pools()
	p.RunnerGroup, p.EnforcePolicy = "few", true
	if now, _ := p.Pools(); now[0].Spec == was[0].Spec {
		t.Error("runners registered in another group, whose hooks do not ask, stay")
	}
}
