package report

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Retry is what a run waits for after a setback.
type Retry struct {
	Kind   fleet.SetbackKind `json:"kind"`
	Name   string            `json:"name"` // of the failure
	Whose  string            `json:"whose"`
	Tries  int               `json:"tries"`            // that failed, of this run
	Next   time.Time         `json:"next_try_at"`      // of the run, or of the hold's next try
	Turn   bool              `json:"turn,omitempty"`   // others may be tried before it: the hold is shared
	Sooner string            `json:"sooner"`           // what makes it sooner
	Hold   string            `json:"hold,omitempty"`   // what the run waits for, if not for itself
	Trying []string          `json:"trying,omitempty"` // the runners that try whether the hold is over
}

// Hold is a hold as it is shown.
type Hold struct {
	Key    string            `json:"key"`
	Kind   fleet.SetbackKind `json:"kind"`
	Whose  string            `json:"whose"`
	Reason string            `json:"reason"`
	Since  time.Time         `json:"since"`
	Failed int               `json:"failed_in_a_row"`
	Next   time.Time         `json:"next_try_at"`
	Sooner string            `json:"sooner"`
	Trying []string          `json:"trying,omitempty"`
}

// retryOf is nil for a run that is not RETRYING. A run that waits for a shared hold
// has no time of its own.
func retryOf(run fleet.Run, holds map[string]fleet.Hold) *Retry {
	if !run.Retrying() {
		return nil
	}
	s := run.Setback
	retry := &Retry{
		Kind: s.Kind, Name: s.Name, Whose: s.Kind.Whose(), Tries: s.InARow, Next: s.NextTry, Sooner: s.Kind.Sooner(), Hold: s.Hold,
	}
	if hold, ok := holds[s.Hold]; ok {
		retry.Next, retry.Trying, retry.Turn = hold.NextTry, hold.Tries, true
	}
	return retry
}

// ofHolds shows the holds that keep runs from being launched.
func ofHolds(holds []fleet.Hold) []Hold {
	views := []Hold{}
	for _, h := range holds {
		if !h.Shown() {
			continue
		}
		views = append(views, Hold{
			Key: h.Key, Kind: h.Kind, Whose: h.Kind.Whose(), Reason: h.Name + ": " + h.Cause, Since: h.Since, Failed: h.InARow,
			Next: h.NextTry, Sooner: h.Kind.Sooner(), Trying: h.Tries,
		})
	}
	return views
}

func byKey(holds []fleet.Hold) map[string]fleet.Hold {
	keyed := make(map[string]fleet.Hold, len(holds))
	for _, h := range holds {
		keyed[h.Key] = h
	}
	return keyed
}
