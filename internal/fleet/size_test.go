package fleet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// The pairs of https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
// with GB as 1024 MiB.
func TestFargateSizes(t *testing.T) {
	const gb = 1024
	for name, tc := range map[string]struct {
		cpu         int
		fits, wrong []int
	}{
		"a quarter vCPU": {256, []int{512, 1 * gb, 2 * gb}, []int{0, 511, 256, 1536, 3 * gb, 4 * gb}},
		"half a vCPU":    {512, []int{1 * gb, 2 * gb, 4 * gb}, []int{0, 512, 1023, 1536, 5 * gb}},
		"1 vCPU":         {1024, []int{2 * gb, 3 * gb, 8 * gb}, []int{1 * gb, 2*gb + 512, 9 * gb, -2 * gb}},
		"2 vCPU":         {2048, []int{4 * gb, 5 * gb, 16 * gb}, []int{3 * gb, 4*gb + 1, 17 * gb}},
		"4 vCPU":         {4096, []int{8 * gb, 9 * gb, 30 * gb}, []int{7 * gb, 31 * gb, 32 * gb}},
		"8 vCPU":         {8192, []int{16 * gb, 20 * gb, 60 * gb}, []int{12 * gb, 17 * gb, 18 * gb, 64 * gb}},
		"16 vCPU":        {16384, []int{32 * gb, 40 * gb, 120 * gb}, []int{24 * gb, 36 * gb, 128 * gb}},
		"32 vCPU":        {32768, []int{60 * gb, 120 * gb, 244 * gb}, []int{64 * gb, 180 * gb, 248 * gb}},
		"no such CPU":    {1000, nil, []int{2 * gb}},
		"no CPU":         {0, nil, []int{0, 2 * gb}},
		"a negative CPU": {-1024, nil, []int{2 * gb}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, memory := range tc.fits {
				if err := (fleet.Class{CPU: tc.cpu, Memory: memory}).Check(); err != nil {
					t.Error(err)
				}
			}
			for _, memory := range tc.wrong {
				if err := (fleet.Class{CPU: tc.cpu, Memory: memory}).Check(); err == nil || !strings.Contains(err.Error(), "is no Fargate size") {
					t.Errorf("cpu %d with memory %d: got %v", tc.cpu, memory, err)
				}
			}
		})
	}
}

func TestAWrongSizeSaysWhatFits(t *testing.T) {
	for want, class := range map[string]fleet.Class{
		"cpu 1024 with memory 1024 is no Fargate size: 1024 CPU units take 2048 to 8192 MiB in steps of 1024": {CPU: 1024, Memory: 1024},
		"cpu 256 with memory 4096 is no Fargate size: 256 CPU units take [512 1024 2048] MiB":                 {CPU: 256, Memory: 4096},
	} {
		equal(t, class.Check().Error(), want)
	}
}

func TestFurtherPartsOfAClass(t *testing.T) {
	for name, tc := range map[string]struct {
		class fleet.Class
		says  string // "" if it is right
	}{
		"x64":                       {fleet.Class{Arch: fleet.X64}, ""},
		"arm64":                     {fleet.Class{Arch: fleet.ARM64}, ""},
		"no architecture":           {fleet.Class{}, ""},
		"another architecture":      {fleet.Class{Arch: "x86_64"}, `arch "x86_64"`},
		"the least storage":         {fleet.Class{EphemeralStorage: 21}, ""},
		"the most storage":          {fleet.Class{EphemeralStorage: 200}, ""},
		"Fargate's own storage":     {fleet.Class{EphemeralStorage: 20}, "ephemeral_storage 20"},
		"too much storage":          {fleet.Class{EphemeralStorage: 201}, "ephemeral_storage 201"},
		"a negative size of a disk": {fleet.Class{EphemeralStorage: -1}, "ephemeral_storage -1"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.class.CPU, tc.class.Memory = 1024, 2048
			err := tc.class.Check()
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func TestTheLadderOfAClass(t *testing.T) {
	for name, tc := range map[string]struct {
		class  fleet.Class
		ladder []fleet.CapacityProvider
	}{
		"on demand":             {fleet.Class{CPU: 1024, Memory: 2048}, []fleet.CapacityProvider{fleet.Fargate}},
		"on demand, arm64":      {fleet.Class{CPU: 1024, Memory: 2048, Arch: fleet.ARM64}, []fleet.CapacityProvider{fleet.Fargate}},
		"Spot before on demand": {fleet.Class{CPU: 1024, Memory: 2048, Spot: true}, []fleet.CapacityProvider{fleet.FargateSpot, fleet.Fargate}},
		"Spot, arm64":           {fleet.Class{CPU: 1024, Memory: 2048, Spot: true, Arch: fleet.ARM64}, []fleet.CapacityProvider{fleet.FargateSpot, fleet.Fargate}},
		"no class at all":       {fleet.Class{}, []fleet.CapacityProvider{fleet.Fargate}},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, tc.class.Ladder(), tc.ladder)
			for rung, want := range tc.ladder {
				equal(t, tc.class.CapacityProvider(rung), want)
				if !slices.Contains(fleet.CapacityProviders(), want) {
					t.Errorf("%s is none of the cluster's %v", want, fleet.CapacityProviders())
				}
			}
			for beyond := range 3 {
				equal(t, tc.class.CapacityProvider(len(tc.ladder)+beyond), tc.ladder[len(tc.ladder)-1])
			}
		})
	}
}
