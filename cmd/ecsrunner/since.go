package main

import (
	"math"
	"regexp"
	"strconv"
	"time"
)

var ago = regexp.MustCompile(`^([0-9]{1,6})(m|h|d|w)$`)

// timeOf reads a time that a flag names: how long ago, as 90m, 24h, 7d or 2w, a day here, or
// a moment as RFC 3339 writes it. The zero time is "".
func timeOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if m := ago.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		if err == nil && n <= int64(math.MaxInt64/unit) { // more than a time.Duration holds is 292 years
			return now.Add(-time.Duration(n) * unit), nil
		}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("--%s %q: use how long ago it is, as 90m, 24h, 7d or 2w, a day, as 2026-11-30, or a moment, as 2026-11-30T14:05:00Z", flag, text)
	}
	return at, nil
}

// age is how long ago a time was, in few letters.
func age(at, now time.Time) string {
	switch d := now.Sub(at); {
	case at.IsZero():
		return ""
	case d < time.Minute:
		return strconv.Itoa(max(0, int(d/time.Second))) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d < 1000*24*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	return at.Format(time.DateOnly)
}
