package simulation

import (
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostIn is how many of the times, which are in order, lie within one span at most.
func mostIn(span time.Duration, times []time.Time) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// bound names the limit that kept runners from being launched sooner, as far as one did.
func (j *judge) bound() string {
	minute := mostIn(time.Minute, j.launches)
	switch {
	case minute >= fleet.MostStarts:
		return fmt.Sprintf("the %d starts a minute that GitHub's 900 points a minute allow", fleet.MostStarts)
	case j.mostOpen >= j.w.policy.MaxRunners:
		return fmt.Sprintf("max_runners, which is %d", j.w.policy.MaxRunners)
	}
	return fmt.Sprintf("no limit: %d runners were open at most, and %d were launched in a minute", j.mostOpen, minute)
}
