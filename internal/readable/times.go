package readable

import (
	"fmt"
	"time"
)

// ByGitHub shows a duration that GitHub measured, in whole seconds.
func ByGitHub(ms *int64) string {
	if ms != nil && *ms < 1000 {
		return "<1s"
	}
	return Took(ms)
}

// Took shows milliseconds for people.
func Took(ms *int64) string {
	if ms == nil {
		return ""
	}
	d := time.Duration(*ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", *ms)
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

// Clock is a time of day in a zone, "" for none.
func Clock(at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	return at.In(zone).Format("15:04:05.000")
}
