package doctor

import (
	"maps"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestVCPUs(t *testing.T) {
	got := VCPUs([]Quota{
		{Service: "fargate", Name: "Fargate Spot vCPU resource count", Value: 140}, {Service: "fargate", Name: "Fargate On-Demand vCPU resource count", Value: 6},
		{Service: "fargate", Name: "Rate of tasks launched", Value: 20},
	})
	if want := (map[fleet.CapacityProvider]float64{fleet.Fargate: 6, fleet.FargateSpot: 140}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
