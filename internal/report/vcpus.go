package report

import (
	"maps"
	"slices"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// VCPUs are what a fleet uses of an AWS account's limit of a capacity provider. Other uses
// of Fargate in the account count for the limit too, and are not in InUse.
type VCPUs struct {
	Provider fleet.CapacityProvider `json:"capacity_provider"`
	InUse    float64                `json:"in_use"`
	Allowed  float64                `json:"allowed"`
}

// cpuUnits are the CPU units of a vCPU.
const cpuUnits = 1024

// VCPUsOf compares the tasks of open runners with an account's limits. It leaves out
// providers without a known limit, and those that no class may run on.
func VCPUsOf(open []fleet.Runner, classes map[string]fleet.Class, allowed map[fleet.CapacityProvider]float64) []VCPUs {
	units := map[fleet.CapacityProvider]int{}
	for _, class := range classes {
		for _, provider := range class.Ladder() {
			units[provider] += 0
		}
	}
	for _, r := range open {
		class, known := classes[r.ClassName]
		if known && r.TaskARN != "" && r.TaskStatus != fleet.TaskStopped {
			units[class.CapacityProvider(r.Rung)] += class.CPU
		}
	}
	all := []VCPUs{}
	for _, provider := range slices.Sorted(maps.Keys(units)) {
		if most, known := allowed[provider]; known {
			all = append(all, VCPUs{provider, float64(units[provider]) / cpuUnits, most})
		}
	}
	return all
}
