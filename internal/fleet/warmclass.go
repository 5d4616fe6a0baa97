package fleet

import (
	"fmt"
	"time"
)

// Warm is how many idle runners a class keeps in each scope that runners are registered in:
// each repository, or the organization or enterprise that all runners are registered in.
type Warm struct {
	Count    int    `json:"count"`
	Schedule string `json:"schedule,omitempty"` // as ParseSchedule reads it; "" is always
	Image    string `json:"image,omitempty"`    // the label of an image; "" is the base image
	// Repositories are those of the fleet's that have warm runners; none means all.
	Repositories []string `json:"repositories,omitempty"`
	// RotateAfter is the age at which an idle runner is replaced; 0 is DefaultRotation.
	RotateAfter Age `json:"rotate_after,omitempty"`
	// IdleHoursPerDay bounds how long its idle runners live together, in each scope and each
	// day of UTC; 0 is no limit.
	IdleHoursPerDay int `json:"idle_hours_per_day,omitempty"`
	// Within are the times in which runners are wanted in place of the schedule, if it is not
	// nil: of simulations, whose calendar is another.
	Within []Span `json:"-" yaml:"-"`
}

// Span is a time from one moment until another.
type Span struct{ From, Until time.Time }

// DefaultRotation is the age at which an idle runner is replaced: a newer image may be there,
// and GitHub updates runners that wait for long.
const DefaultRotation = 6 * time.Hour

// Bounds of Warm.
const (
	mostWarm       = 100
	leastRotation  = 10 * time.Minute
	mostRotation   = 48 * time.Hour // its job may take five days more, and an execution eight
	mostHoursOfDay = mostWarm * 24
)

// Check refuses values that no pool can have. Whether the image is one is checked by
// Policy.Pools.
func (w Warm) Check() error {
	_, err := ParseSchedule(w.Schedule)
	age := time.Duration(w.RotateAfter)
	switch {
	case w.Count < 1 || w.Count > mostWarm:
		return fmt.Errorf("warm.count %d: use 1 to %d idle runners, or leave warm out for none", w.Count, mostWarm)
	case err != nil:
		return fmt.Errorf("warm.schedule: %w", err)
	case age != 0 && (age < leastRotation || age > mostRotation || age%time.Second != 0):
		return fmt.Errorf("warm.rotate_after %s: use %s to %s in whole seconds, or leave it out for %s", age, leastRotation, mostRotation, DefaultRotation)
	case w.IdleHoursPerDay < 0 || w.IdleHoursPerDay > mostHoursOfDay:
		return fmt.Errorf("warm.idle_hours_per_day %d: use 1 to %d, or leave it out for no limit", w.IdleHoursPerDay, mostHoursOfDay)
	}
	return nil
}

// Age is how old an idle runner may become: in JSON it is text, such as 6h0m0s, since people
// edit class sizes in a parameter of AWS.
type Age time.Duration

func (a Age) String() string { return time.Duration(a).String() }

// MarshalText writes an age as UnmarshalText reads it.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a time with its unit.
func (a *Age) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("warm.rotate_after: %s is not a time; write it with its unit, such as 90m or 6h", QuoteShort(string(text)))
	}
	*a = Age(d)
	return nil
}
