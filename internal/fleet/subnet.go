package fleet

import (
	"maps"
	"math"
	"slices"
	"time"
)

// subnetsWithoutRoom is the record of the subnets that had no room lately, and when: it
// keeps no run back. Runners are launched into the other subnets for a while.
var subnetsWithoutRoom = holdRef{key: "subnets", kind: SetbackCapacity, needs: math.MaxInt}

// SubnetsLeftOut returns the subnets that the next runners avoid, if there are others,
// and until when. h is the hold with the key that SubnetsHold returns.
func SubnetsLeftOut(h Hold, now time.Time) map[string]time.Time {
	until := map[string]time.Time{}
	for subnet, at := range h.Met {
		if now.Sub(at) <= metFor {
			until[subnet] = at.Add(metFor)
		}
	}
	return until
}

// SubnetsHold is the key of the record of subnets without room.
func SubnetsHold() string { return subnetsWithoutRoom.key }

// leftOut lists the subnets that a launch leaves out.
func (f LaunchFacts) leftOut() []string {
	return slices.Sorted(maps.Keys(SubnetsLeftOut(subnetsWithoutRoom.in(f.Holds), f.Now)))
}

// hadNoRoom is the record after a subnet had no room.
func (f CloseFacts) hadNoRoom(subnet string) Hold {
	h := subnetsWithoutRoom.in(f.Holds)
	h.Met = meet(h.Met, subnet, f.Now)
	h.InARow, h.NextTry = 1, f.Now // it is remembered for a while
	return h
}
