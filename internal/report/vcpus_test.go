package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestVCPUsOf(t *testing.T) {
	classes := map[string]fleet.Class{"small": {CPU: 512}, "spot": {CPU: 2048, Spot: true}}
	of := func(class string, rung int, status string) fleet.Runner {
		return fleet.Runner{ClassName: class, Rung: rung, TaskARN: "arn:aws:ecs:::task/1", TaskStatus: status}
	}
	open := []fleet.Runner{
		of("small", 0, fleet.TaskRunning), of("spot", 0, fleet.TaskPending),
		of("spot", 1, fleet.TaskRunning), // Spot had no room
		of("small", 0, fleet.TaskStopped), of("gone", 0, fleet.TaskRunning),
		{ClassName: "spot"}, // without a task yet
	}
	limits := map[fleet.CapacityProvider]float64{fleet.Fargate: 6, fleet.FargateSpot: 100}
	for name, c := range map[string]struct {
		open    []fleet.Runner
		classes map[string]fleet.Class
		allowed map[fleet.CapacityProvider]float64
		want    []VCPUs
	}{
		"both":                {open, classes, limits, []VCPUs{{fleet.Fargate, 2.5, 6}, {fleet.FargateSpot, 2, 100}}},
		"no runner":           {nil, classes, limits, []VCPUs{{fleet.Fargate, 0, 6}, {fleet.FargateSpot, 0, 100}}},
		"no class on Spot":    {nil, map[string]fleet.Class{"small": {CPU: 512}}, limits, []VCPUs{{fleet.Fargate, 0, 6}}},
		"a limit not known":   {open, classes, map[fleet.CapacityProvider]float64{fleet.Fargate: 6}, []VCPUs{{fleet.Fargate, 2.5, 6}}},
		"a fleet without AWS": {open, classes, nil, []VCPUs{}},
	} {
		if diff := cmp.Diff(c.want, VCPUsOf(c.open, c.classes, c.allowed)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
