package fleet

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What pools take in the record of the capacity is estimated, and never too little.
func TestWhatFullPoolsTakeInTheRecord(t *testing.T) {
	p := Policy{
		FleetName: "fleet", Repositories: []string{"octo/app", "octo/lib"}, DefaultClass: "small", BaseImage: "base", EnforcePolicy: true, Limits: DefaultLimits(),
		FleetLabels: []string{"team-a"}, Classes: map[string]Class{"small": {CPU: 512, Memory: 1024, Warm: &Warm{Count: 50}}, "large": {CPU: 4096, Memory: 8192, Warm: &Warm{Count: 3}}},
	}
	pools, err := p.Pools()
	if err != nil || len(pools) != 4 {
		t.Fatal(len(pools), err)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)
	var full Capacity
	for _, pool := range pools {
		for range pool.Warm.Count {
			res := PoolFacts{FleetName: "fleet", MaxRunners: 1000, Pool: pool, Capacity: full, Now: now}.launch(0)
			full = *res.Changes.Capacity
		}
		failed := Runner{Pool: pool.Key, Times: Times{}.set(StageLaunched, now)}
		full = full.closedWarm(failed, RunnerLaunchFailed, strings.Repeat("x", 5000), now)
	}
	text, err := json.Marshal(map[string]any{"warm": full.Warm, "pools": full.Pools})
	if err != nil {
		t.Fatal(err)
	}
	if is, most := len(text), sizeOf(pools); is > most || most > 2*is {
		t.Errorf("%d idle runners of %d pools take %d bytes, and are estimated at %d", len(full.Warm), len(pools), is, most)
	}
}

func TestStatesOfPoolsThatAreNoMoreAreDropped(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var c Capacity
	for day := range 30 {
		c = c.poolIs(fmt.Sprintf("class-%d@octo/app", day), now.AddDate(0, 0, day), func(s PoolState) PoolState { s.Launched++; return s })
	}
	if len(c.Pools) != keptDays+1 {
		t.Errorf("%d states are kept", len(c.Pools))
	}
}
