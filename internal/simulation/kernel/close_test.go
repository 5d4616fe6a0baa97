package kernel_test

import (
	"runtime"
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

// Processes that come one after the other share a stack, also those that are killed, and no
// stack is left behind.
func TestProcessesLeaveNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	k := kernel.New(1, []kernel.Fault{{Kind: kernel.Killed, Rate: 0.5}})
	ran, ended, most := 0, map[string]int{}, 0
	for i := range 100 {
		k.After(time.Duration(i)*time.Minute, func() {
			k.Go(&kernel.Process{Mortal: true}, func() {
				_ = k.Call("call", func() error { return nil })
				ran++
			}, func(why string) { ended[why]++ })
		})
	}
	k.Go(&kernel.Process{}, func() { k.Pause(1000 * time.Hour) }, nil)
	for k.Step(kernel.Epoch.Add(200 * time.Minute)) {
		most = max(most, runtime.NumGoroutine()-before)
	}
	if ran == 0 || ended[""] != ran || ended["before call"] != 100-ran || ran == 100 {
		t.Errorf("%d ran, ended: %v", ran, ended)
	}
	if most > 2 {
		t.Errorf("%d stacks were there at once, of two processes", most)
	}
	if k.Close(); runtime.NumGoroutine() > before {
		t.Errorf("%d goroutines are left", runtime.NumGoroutine()-before)
	}
}
