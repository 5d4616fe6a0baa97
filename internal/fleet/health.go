package fleet

import (
	"fmt"
	"time"
)

// MaxFruitlessImage is how many runners with one image may end in a row without a
// job before its breaker opens, for BreakerPause.
const (
	MaxFruitlessImage = 3
	BreakerPause      = 10 * time.Minute
)

// ImageHealth counts the runners of one image that ended in a row without a job.
// A broken or deprecated image must not start tasks for ever.
type ImageHealth struct {
	Image     string    `json:"image"`
	InARow    int       `json:"in_a_row"`
	OpenUntil time.Time `json:"open_until,omitzero"` // the breaker: no launches before
	Reason    string    `json:"reason,omitempty"`    // of the last failure
	Version   int64     `json:"version"`
}

// blamesImage lists the failures that the image may be the cause of, or that its
// next runner would meet as well.
var blamesImage = map[string]bool{
	ImageOutdated:                true,
	RunnerCannotPullContainer:    true,
	RunnerResourceInitialization: true,
	RunnerIdleTimeout:            true,
	RunnerStartTimeout:           true,
	RunnerStoppedEarly:           true,
	RunnerVersionDeprecated:      true,
}

// Broken says why the image must not be used just now, "" unless the breaker is
// open.
func (h ImageHealth) Broken(now time.Time) string {
	if !now.Before(h.OpenUntil) {
		return ""
	}
	return fmt.Sprintf("image %s: %d runners in a row ended without a job; the last: %s. The next is tried at %s",
		h.Image, h.InARow, h.Reason, h.OpenUntil.UTC().Format(time.TimeOnly+" MST"))
}

// after is the image's health after a runner of it has ended; changed is false if
// that says nothing. opened is true if the breaker opened now.
func (h ImageHealth) after(runner Runner, failure, cause string, now time.Time) (_ ImageHealth, changed, opened bool) {
	switch {
	case runner.Image == "":
		return h, false, false
	case runner.Took != 0:
		changed = h.InARow != 0
		h.InARow, h.Reason, h.OpenUntil = 0, "", time.Time{}
		return h, changed, false
	case !blamesImage[failure], failure == RunnerStoppedEarly && !saysWhy(runner):
		return h, false, false
	}
	h.Image, h.Reason = runner.Image, fmt.Sprintf("%s: %s", failure, cause)
	h.InARow++
	if h.InARow >= MaxFruitlessImage {
		h.OpenUntil, opened = now.Add(BreakerPause), true
	}
	return h, true, opened
}

// saysWhy tells whether a stopped task tells something about its image: its
// container exited, or could not be started. One that was lost does not.
func saysWhy(r Runner) bool { return r.ExitCode != nil || r.StopCode == StopTaskFailedToStart }
