package container_test

import (
	"net/netip"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/container"
)

func TestWhoseAddressItIs(t *testing.T) {
	b := newBench(t)
	b.launch()
	b.await(fleet.TaskRunning)
	runner, err := container.New(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	has := func(networks map[string]any) {
		b.change(func() {
			for _, box := range b.containers {
				box.networks = networks
			}
		})
	}
	one := map[string]any{"ecsrunner-test": map[string]any{"IPAddress": "10.88.0.7", "GlobalIPv6Address": "fd00::7"}}
	for name, c := range map[string]struct {
		networks map[string]any
		runner   string
		from     string
		want     bool
	}{
		"its own":                       {one, "test-7-1", "10.88.0.7", true},
		"its own, in the form of IPv6":  {one, "test-7-1", "::ffff:10.88.0.7", true},
		"its own of IPv6":               {one, "test-7-1", "fd00::7", true},
		"another":                       {one, "test-7-1", "10.88.0.8", false},
		"another runner's":              {one, "test-7-2", "10.88.0.7", false},
		"a container that has none":     {map[string]any{"ecsrunner-test": map[string]any{"IPAddress": ""}}, "test-7-1", "0.0.0.0", false},
		"a container without a network": {nil, "test-7-1", "10.88.0.7", false},
	} {
		has(c.networks)
		if got, err := runner.From(t.Context(), c.runner, netip.MustParseAddr(c.from)); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
	has(one)
	if got, err := runner.From(t.Context(), "test-7-1", netip.Addr{}); err != nil || got {
		t.Errorf("no address at all: %t, %v", got, err)
	}
	b.change(func() { b.down = true })
	if got, err := runner.From(t.Context(), "test-7-1", netip.MustParseAddr("10.88.0.7")); err == nil || got {
		t.Errorf("an engine that is down: %t, %v", got, err)
	}
	b.change(func() { b.down = false })
}
