package fleet

import (
	"strings"
	"time"
)

// PausedByOperator is the reason of a pause for which none was given.
const PausedByOperator = "paused by an operator"

// Pause makes the fleet launch nothing until it is resumed. Launched runners go on. If
// the fleet is already paused, it keeps the time, and its reason unless a new one is given.
func (c Capacity) Pause(a Action) Capacity {
	reason := a.Reason
	switch {
	case a.Command.drains() && reason != "":
		reason = DrainedByOperator + ": " + reason
	case a.Command.drains():
		reason = DrainedByOperator
	case reason == "" && c.Paused != "":
		return c
	case reason == "":
		reason = PausedByOperator
	}
	if c.Paused == "" {
		c.PausedAt = a.At.UTC()
	}
	if c.Paused != reason {
		c.Paused, c.PausedBy = reason, a.By
	}
	return c
}

// Resume allows the fleet to launch again.
func (c Capacity) Resume() Capacity {
	c.Paused, c.PausedBy, c.PausedAt = "", "", time.Time{}
	return c
}

// pausedWords begin the reason of every run that waits because of a pause.
const pausedWords = "the fleet is paused: "

func (c Capacity) pausedReason() string { return pausedWords + c.Paused }

// TellPause updates the reason of a run that waits for room after a pause began or
// ended. changed is false if the reason is already right, or if the run waits for
// something else.
func (r Run) TellPause(c Capacity) (_ Run, changed bool) {
	if !r.WaitsForRoom || r.RunnerID != "" || !r.Wanted() {
		return r, false
	}
	reason := c.pausedReason()
	if c.Paused == "" {
		if !strings.HasPrefix(r.Reason, pausedWords) {
			return r, false
		}
		reason = "waits for its turn: the fleet was paused"
	}
	if r.Reason == reason {
		return r, false
	}
	return r.Move(RunQueued, reason), true
}
