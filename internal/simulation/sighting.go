package simulation

import (
	"strings"
	"time"
)

// A sighting is a look at the trace, for what no other measure shows: how many lines have
// a text ("lines of is answered with 422"), or the time from the first line with one text
// to the next with another ("time from gets SIGTERM to is killed").
type sighting struct {
	text  string
	until string // "" if lines are counted
}

const (
	linesOf  = "lines of "
	timeFrom = "time from "
	timeTo   = " to "
)

func parseSighting(measure string) (sighting, bool) {
	if text, is := strings.CutPrefix(measure, linesOf); is {
		return sighting{text: text}, true
	}
	rest, is := strings.CutPrefix(measure, timeFrom)
	text, until, has := strings.Cut(rest, timeTo)
	return sighting{text, until}, is && has
}

// sightings are what a scenario's expectations look for in its trace.
type sightings map[sighting]*seen

type seen struct {
	lines       int
	first, then time.Time
}

// lookFor returns the sightings of expectations, nil if they need no trace.
func lookFor(expect []string) sightings {
	var all sightings
	for _, text := range expect {
		e, err := parseExpectation(text)
		if err != nil {
			continue // already reported
		}
		if s, is := parseSighting(e.measure); is {
			if all == nil {
				all = sightings{}
			}
			all[s] = &seen{}
		}
	}
	return all
}

func (all sightings) look(at time.Time, line string) {
	for s, seen := range all {
		switch {
		case seen.lines > 0 && s.until != "" && seen.then.IsZero() && strings.Contains(line, s.until):
			seen.then = at
		case strings.Contains(line, s.text):
			if seen.lines++; seen.lines == 1 {
				seen.first = at
			}
		}
	}
}

// value is a count, or seconds: -1 if what they lead to never came.
func (all sightings) value(s sighting) float64 {
	found := all[s]
	switch {
	case s.until == "":
		return float64(found.lines)
	case found.then.IsZero():
		return -1
	}
	return found.then.Sub(found.first).Seconds()
}
