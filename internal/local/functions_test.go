package local

import (
	"maps"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

func TestEveryStepRunsOnOneMachine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var called []string
	for _, step := range statemachine.Steps() {
		called = append(called, arnPrefix+step)
	}
	f := &Fleet{listener: listener}
	if diff := cmp.Diff(called, slices.Sorted(maps.Keys(f.steps(nil)))); diff != "" {
		t.Errorf("steps (-called by the state machine +connected):\n%s", diff)
	}
}
