package console

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/pools"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// poolLine is a pool of warm runners as it is shown.
type poolLine struct {
	pools.Pool
	Part int // of what it wants, in thousandths
	Tone string
}

// pools are a region of the fleet's pools, none of a fleet without.
func (c *Console) pools(s snapshot) []region {
	var lines []poolLine
	for _, p := range pools.Of(pools.Facts{
		Policy: s.policy, Capacity: s.capacity, Runners: s.open, Runs: s.waiting, Holds: s.holds, GitHub: s.usage, Book: price.In(c.Region), Now: s.now,
	}) {
		line := poolLine{p, part(p.Idle, p.Wanted), toneRun}
		if !p.Full() {
			line.Tone = toneHeld
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil
	}
	return []region{{ID: "pools", Template: "pools", Data: lines, Wide: true}}
}
