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

// mostPools bounds how many are shown. Each repository may have some.
const mostPools = 50

// poolsView are the first pools, and how many more there are.
type poolsView struct {
	Lines []poolLine
	More  int
}

// pools are a region of the fleet's pools, none of a fleet without.
func (c *Console) pools(s snapshot) []region {
	var v poolsView
	all := pools.Of(pools.Facts{
		Policy: s.policy, Capacity: s.capacity, Runners: s.open, Runs: s.waiting, Holds: s.holds, GitHub: s.usage, Book: price.In(c.Region), Now: s.now,
	})
	for i, p := range all {
		if i == mostPools {
			v.More = len(all) - i
			break
		}
		line := poolLine{p, part(p.Idle, p.Wanted), toneRun}
		if !p.Full() {
			line.Tone = toneHeld
		}
		v.Lines = append(v.Lines, line)
	}
	if len(all) == 0 {
		return nil
	}
	return []region{{ID: "pools", Template: "pools", Data: v, Wide: true}}
}
