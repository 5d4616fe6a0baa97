package local

import (
	"fmt"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// disks are where tasks and records are kept, and how much of each stays free: when the
// disk is full, no record can be written, and every job of the machine stands still.
type disks struct {
	paths []string
	keep  uint64                            // bytes; 0 keeps nothing
	free  func(path string) (uint64, error) // by default freeOf
}

// check fails with Runner.NoCapacity while there is too little: the run waits with that
// reason. A disk whose free space cannot be read passes.
func (d disks) check() error {
	if d.keep == 0 {
		return nil
	}
	free := d.free
	if free == nil {
		free = freeOf
	}
	for _, path := range d.paths {
		if left, err := free(path); err == nil && left < d.keep {
			return fleet.Errorf(fleet.RunnerNoCapacity, "%s has %s free on its disk, and %s are kept free: make room, or lower --keep-free-gib", path, gib(left), gib(d.keep))
		}
	}
	return nil
}

// NeedsDisk fails if a path's disk has less free than that. A disk whose free space
// cannot be read passes.
func NeedsDisk(path string, bytes uint64) error {
	if left, err := freeOf(path); err == nil && left < bytes {
		return fmt.Errorf("%s has %d MiB free on its disk, and %d MiB are needed", path, left>>20, bytes>>20)
	}
	return nil
}

func gib(bytes uint64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
