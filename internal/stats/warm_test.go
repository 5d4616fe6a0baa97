package stats

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestJobsOnWarmRunnersAreToldApart(t *testing.T) {
	c := NewCounter(ByClass, at(10_000), time.UTC)
	c.Add(ran(1, "small", 0, 40))
	c.Add(ran(2, "small", 100, 50))
	if s := c.Stats(); s.All.Warm != nil || s.All.Cold != nil || s.Pools != nil {
		t.Errorf("a fleet without pools has %+v", s)
	}
	warm := ran(3, "small", 200, 2)
	warm.Runners[0].Pool = "small@octo/app"
	warm.Seen = warm.Runners
	c.Add(warm)
	lost := ran(4, "small", 300, 60) // it expected a warm runner, and another one ran it
	other := fleet.Runner{RunnerID: "f-w2-2", Pool: "small@octo/app"}
	lost.Seen = append(lost.Seen, other)
	c.Add(lost)
	all := c.Stats().All
	if diff := cmp.Diff(&Percentiles{1, 2000, 2000, 2000, 2000}, all.Warm); diff != "" {
		t.Errorf("warm, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&Percentiles{3, 50_000, 60_000, 60_000, 60_000}, all.Cold); diff != "" {
		t.Errorf("cold, -want +got:\n%s", diff)
	}
}

func TestWhatBecameOfPools(t *testing.T) {
	c := NewCounter(ByClass, at(1000), time.UTC)
	registered := func(r fleet.Runner, from int, stage fleet.Stage, until int) fleet.Runner {
		r.Pool, r.Times = "small@octo/app", fleet.Times{fleet.StageLaunched: at(from - 30), fleet.StageRegistered: at(from)}
		if stage != "" {
			r.Times[stage] = at(until)
		}
		if stage == fleet.StageClosing {
			r.Times[fleet.StageClosed] = at(until + 20)
		}
		return r
	}
	for _, r := range []fleet.Runner{
		registered(fleet.Runner{Took: 1, Phase: fleet.Closed}, 100, fleet.StageJobStarted, 200),
		registered(fleet.Runner{Phase: fleet.Closed}, 100, fleet.StageClosed, 280),
		registered(fleet.Runner{Phase: fleet.Closed}, 100, fleet.StageClosing, 160),
		registered(fleet.Runner{Phase: fleet.Open}, 900, "", 0),
		{Pool: "small@octo/app", Phase: fleet.Closed, FailureName: fleet.RunnerStartTimeout},
		{Pool: "arm@octo/app", Phase: fleet.Open},
	} {
		c.AddWarm(r)
	}
	want := []Pool{
		{Name: "arm@octo/app", Launched: 1, Open: 1},
		{Name: "small@octo/app", Launched: 5, Served: 1, Lost: 1, Ended: 1, Failed: 1, Open: 1, Idled: 1000 * (100 + 180 + 80 + 100)},
	}
	if diff := cmp.Diff(want, c.Stats().Pools); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
