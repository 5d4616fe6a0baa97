package kernel_test

import (
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// A process that ends with the history stops its timers, as it would have at any other end.
func TestTimersMayBeStoppedWhileTheHistoryEnds(t *testing.T) {
	k := kernel.New(1, nil)
	stopped := true
	k.Go(&kernel.Process{Name: "p"}, func() {
		for range 3 {
			k.After(time.Hour, func() {})
		}
		timer := k.After(2*time.Hour, func() {})
		defer func() { stopped = timer.Stop() }()
		k.Pause(time.Hour)
	}, nil)
	k.Step(kernel.Epoch.Add(time.Minute))
	k.Close()
	if stopped {
		t.Error("a timer is stopped that was gone")
	}
}
