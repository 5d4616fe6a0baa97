package fleet

import (
	"fmt"
	"slices"
)

// Arch is a CPU architecture as GitHub's labels spell it.
type Arch string

const (
	X64   Arch = "x64"
	ARM64 Arch = "arm64"
)

// Class is a named size that jobs ask for by the label class:<name>.
type Class struct {
	CPU              int  `json:"cpu"`                         // CPU units, 1024 to a vCPU
	Memory           int  `json:"memory"`                      // MiB
	Arch             Arch `json:"arch"`                        // x64 if empty
	Spot             bool `json:"spot,omitempty"`              // may run on Fargate Spot
	EphemeralStorage int  `json:"ephemeral_storage,omitempty"` // GiB, 21 to 200; 0 means Fargate's own 20
	// Warm is how many idle runners of the class are kept, nil for none. It is no part of
	// what a runner gets.
	Warm *Warm `json:"warm,omitempty"`
}

// CapacityProvider is a capacity provider of the fleet's cluster, by its name in ECS.
type CapacityProvider string

const (
	Fargate     CapacityProvider = "FARGATE"
	FargateSpot CapacityProvider = "FARGATE_SPOT"
)

// capacityLadder has the capacity providers in the order of the tries. A new one above
// the last moves the rungs below it: a launch under way then sends its client token with
// another provider, and ECS answers with the task that the token started.
var capacityLadder = []struct {
	provider CapacityProvider
	serves   func(Class) bool
}{
	{FargateSpot, func(c Class) bool { return c.Spot }},
	{Fargate, func(Class) bool { return true }},
}

// CapacityProviders returns all of them, sorted by name.
func CapacityProviders() []CapacityProvider {
	var all []CapacityProvider
	for _, rung := range capacityLadder {
		all = append(all, rung.provider)
	}
	slices.Sort(all)
	return all
}

// Ladder returns the capacity providers of the class in the order of the tries. It
// is never empty.
func (c Class) Ladder() []CapacityProvider {
	var ladder []CapacityProvider
	for _, rung := range capacityLadder {
		if rung.serves(c) {
			ladder = append(ladder, rung.provider)
		}
	}
	return ladder
}

// CapacityProvider returns the rung of the class's ladder, counted from 0. Beyond the
// last rung it returns the last one, which may have room later.
func (c Class) CapacityProvider(rung int) CapacityProvider {
	ladder := c.Ladder()
	return ladder[min(rung, len(ladder)-1)]
}

// firstRung is the rung that a job begins on: that of Spot, unless it is run again and
// spot_retry is on, so that Spot does not interrupt it once more. Old Enterprise Servers do
// not say which attempt a job is of.
func (p Policy) firstRung(job Job, c Class) int {
	if p.SpotRetry == 0 || job.RunAttempt <= 1 {
		return 0
	}
	return max(0, slices.IndexFunc(c.Ladder(), func(on CapacityProvider) bool { return on != FargateSpot }))
}

type memoryRange struct{ min, max, step int }

// fargateSizes are the Linux pairs that Fargate offers
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
var fargateSizes = map[int]memoryRange{
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// fargateOdd are the sizes whose memory follows no step, in MiB.
var fargateOdd = map[int][]int{
	256:   {512, 1024, 2048},
	32768: {61440, 122880, 249856},
}

// Check refuses a size that Fargate does not offer, and says which memory fits. Idle runners
// are checked by Policy.Pools: if they cannot be, the class's jobs still run.
func (c Class) Check() error {
	if err := checkPair(c.CPU, c.Memory); err != nil {
		return err
	}
	switch c.Arch {
	case "", X64, ARM64:
	default:
		return fmt.Errorf("arch %q: use x64 or arm64", c.Arch)
	}
	if c.EphemeralStorage != 0 && (c.EphemeralStorage < 21 || c.EphemeralStorage > 200) {
		return fmt.Errorf("ephemeral_storage %d: use 21 to 200 (GiB), or leave it out for Fargate's own 20", c.EphemeralStorage)
	}
	return nil
}

func checkPair(cpu, memory int) error {
	if odd, ok := fargateOdd[cpu]; ok {
		for _, m := range odd {
			if m == memory {
				return nil
			}
		}
		return fmt.Errorf("cpu %d with memory %d is no Fargate size: %d CPU units take %v MiB", cpu, memory, cpu, odd)
	}
	r, ok := fargateSizes[cpu]
	if !ok {
		return fmt.Errorf("cpu %d is no Fargate size: use 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768 (1024 is one vCPU)", cpu)
	}
	if memory < r.min || memory > r.max || memory%r.step != 0 {
		return fmt.Errorf("cpu %d with memory %d is no Fargate size: %d CPU units take %d to %d MiB in steps of %d", cpu, memory, cpu, r.min, r.max, r.step)
	}
	return nil
}
