package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schedule is when something is wanted: on some days of the week, between two times of the
// day, in a time zone. The zero value is always.
type Schedule struct {
	days     [7]bool // from Sunday, as time.Weekday counts
	from, to time.Duration
	zone     *time.Location
	within   []Span // in place of all of it, if it is not nil
}

const scheduleExample = `"mon-fri 08:00-18:00 Europe/Berlin"`

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseSchedule reads a schedule: days, hours, and a time zone of the IANA database, UTC
// without one. "" is always.
func ParseSchedule(text string) (Schedule, error) {
	if text == "" {
		return Schedule{}, nil
	}
	fields := strings.Fields(text)
	if len(fields) < 2 || len(fields) > 3 {
		return Schedule{}, fmt.Errorf("%s is not a schedule; write days, hours and a time zone, like %s", QuoteShort(text), scheduleExample)
	}
	var s Schedule
	if err := s.readDays(strings.ToLower(fields[0])); err != nil {
		return Schedule{}, err
	}
	from, to, ok := strings.Cut(fields[1], "-")
	var known bool
	if s.from, known = timeOfDay(from); !ok || !known {
		return Schedule{}, badHours(fields[1])
	}
	if s.to, known = timeOfDay(to); !known || s.to <= s.from {
		return Schedule{}, badHours(fields[1])
	}
	s.zone = time.UTC
	if len(fields) == 3 {
		zone, err := time.LoadLocation(fields[2])
		if err != nil || strings.EqualFold(fields[2], "local") {
			return Schedule{}, fmt.Errorf("%s is not a time zone; write one of the IANA database, like Europe/Berlin, or leave it out for UTC", QuoteShort(fields[2]))
		}
		s.zone = zone
	}
	return s, nil
}

func badHours(text string) error {
	return fmt.Errorf("%s are no hours of a day; write two times, the later one last, like 08:00-18:00", QuoteShort(text))
}

// readDays reads daily, or days and ranges of days between commas.
func (s *Schedule) readDays(text string) error {
	if text == "daily" {
		text = "sun-sat"
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		i, j := weekday(first), weekday(last)
		if i < 0 || j < 0 {
			return fmt.Errorf("%s are no days of the week; write daily, or days like mon-fri or mon,wed", QuoteShort(text))
		}
		for n := range (j-i+len(weekdays))%len(weekdays) + 1 {
			s.days[(i+n)%len(weekdays)] = true
		}
	}
	return nil
}

func weekday(name string) int {
	for i, day := range weekdays {
		if name == day {
			return i
		}
	}
	return -1
}

// timeOfDay reads hh:mm, up to 24:00.
func timeOfDay(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	at, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, false
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, true
}

// Wants reports whether the time is within the schedule, by the clocks of its zone.
func (s Schedule) Wants(now time.Time) bool {
	if s.within != nil {
		return slices.ContainsFunc(s.within, func(span Span) bool { return !now.Before(span.From) && now.Before(span.Until) })
	}
	if s.zone == nil {
		return true
	}
	there := now.In(s.zone)
	clock := time.Duration(there.Hour())*time.Hour + time.Duration(there.Minute())*time.Minute + time.Duration(there.Second())*time.Second
	return s.days[there.Weekday()] && clock >= s.from && clock < s.to
}

// Next is when the schedule begins next, and now if the time is within it.
func (s Schedule) Next(now time.Time) time.Time {
	if s.Wants(now) {
		return now.UTC()
	}
	for _, span := range s.within {
		if span.From.After(now) {
			return span.From.UTC()
		}
	}
	if s.within != nil {
		return time.Time{}
	}
	there := now.In(s.zone)
	for day := range len(s.days) + 1 {
		at := time.Date(there.Year(), there.Month(), there.Day()+day, 0, int(s.from/time.Minute), 0, 0, s.zone)
		if at.After(now) && s.Wants(at) {
			return at.UTC()
		}
	}
	return time.Time{} // of a schedule that no day is in
}
