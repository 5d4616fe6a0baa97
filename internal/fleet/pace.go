package fleet

import (
	"fmt"
	"time"
)

// MostStarts is how many runners may start in a minute. Each costs its credential 7 or 8
// of the 900 points that GitHub gives it a minute, 5 of them for the registration, and
// containers that come up faster than those before them register closer together
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
const MostStarts = 80

// Pace counts the recently launched runners, by slots of ten seconds.
type Pace struct {
	Slot   int64 `json:"slot"`   // the newest one, counted from 1970
	Counts []int `json:"counts"` // of the newest slot and those before it, together a minute's
}

const (
	paceSlot  = 10 * time.Second
	paceSlots = int(time.Minute / paceSlot)
)

// evenly is how many may start in a slot once three quarters of a minute's have started:
// a burst of that size starts at once, and the others follow in a steady stream. If all
// started at once, no event would come a minute later to launch the next ones.
const evenly = (MostStarts + paceSlots - 1) / paceSlots

// at is the pace at a time.
func (p Pace) at(now time.Time) Pace {
	slot := now.Unix() / int64(paceSlot/time.Second)
	counts := make([]int, paceSlots)
	for i, n := range p.Counts {
		if age := slot - p.Slot + int64(i); age >= 0 && age < int64(paceSlots) {
			counts[age] = n
		}
	}
	return Pace{Slot: slot, Counts: counts}
}

// free is how many runners may start now.
func (p Pace) free(now time.Time) int {
	counts, started := p.at(now).Counts, 0
	for _, n := range counts {
		started += n
	}
	left := MostStarts - started
	if started >= MostStarts*3/4 {
		left = min(left, evenly-counts[0])
	}
	return max(0, left)
}

func (p Pace) started(now time.Time) Pace {
	p = p.at(now)
	p.Counts[0]++
	return p
}

// Room is how many runners may be launched now.
func (c Capacity) Room(maxRunners int, now time.Time) int {
	if c.Paused != "" {
		return 0
	}
	return max(0, min(maxRunners-c.Open, c.Pace.free(now)))
}

// Hurried reports whether so many runners were launched just now that runs may be
// waiting only for the pace.
func (c Capacity) Hurried(now time.Time) bool {
	launched := 0
	for _, n := range c.Pace.Counts {
		launched += n
	}
	last := time.Unix(c.Pace.Slot*int64(paceSlot/time.Second), 0)
	return launched >= MostStarts/2 && now.Sub(last) < 2*time.Minute
}

var paceReason = fmt.Sprintf("waits for its turn: %d runners start in a minute at most, for GitHub's limit of requests", MostStarts)

// behindReason is that of a run before which others wait, while there is more room than may
// start now. Later it may be the room that keeps it.
const behindReason = "waits for its turn: runs that came before it are launched first"

// WaitsForTurn reports whether there was room for the run, and so many others have just
// started, or wait before it, that it may not start yet.
func (r Run) WaitsForTurn() bool {
	return r.WaitsForRoom && (r.Reason == paceReason || r.Reason == behindReason)
}
