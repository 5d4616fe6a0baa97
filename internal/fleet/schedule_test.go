package fleet

import (
	"strings"
	"testing"
	"time"
)

func TestScheduleFollowsTheClocksOfItsZone(t *testing.T) {
	for says, c := range map[string]struct {
		schedule, at string
		want         bool
	}{
		"always without one":                   {"", "2026-11-28T03:00:00Z", true},
		"before it begins in winter":           {"mon-fri 08:00-18:00 Europe/Berlin", "2026-11-30T06:59:59Z", false},
		"when it begins in winter":             {"mon-fri 08:00-18:00 Europe/Berlin", "2026-11-30T07:00:00Z", true},
		"when it begins in summer":             {"mon-fri 08:00-18:00 Europe/Berlin", "2026-06-01T06:00:00Z", true},
		"when it ends":                         {"mon-fri 08:00-18:00 Europe/Berlin", "2026-11-30T17:00:00Z", false},
		"on a day that is not among them":      {"mon-fri 08:00-18:00", "2026-11-29T12:00:00Z", false},
		"on a day of a list":                   {"mon,sun 08:00-18:00", "2026-11-29T12:00:00Z", true},
		"on a day of a range over the weekend": {"fri-mon 08:00-18:00", "2026-11-29T12:00:00Z", true},
		"to the end of the day":                {"daily 08:00-24:00", "2026-11-29T23:59:59Z", true},
	} {
		t.Run(says, func(t *testing.T) {
			s, err := ParseSchedule(c.schedule)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Wants(at); got != c.want {
				t.Errorf("%q wants %s: %t, want %t", c.schedule, c.at, got, c.want)
			}
		})
	}
}

func TestScheduleThatIsNoneSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"work hours please always": "days, hours and a time zone",
		"weekdays 08:00-18:00":     "no days of the week",
		"mon-fri 8:00-18:00":       "no hours of a day",
		"mon-fri 18:00-08:00":      "the later one last",
		"mon-fri 08:00":            "no hours of a day",
		"mon-fri 08:00-18:00 CET2": "not a time zone",
		"daily 08:00-18:00 Local":  "not a time zone",
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", text, err, want)
		}
	}
}

func TestScheduleSaysWhenItBeginsNext(t *testing.T) {
	for says, c := range map[string]struct{ schedule, at, want string }{
		"now without one":             {"", "2026-11-28T03:00:00Z", "2026-11-28T03:00:00Z"},
		"now within it":               {"daily 08:00-18:00", "2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"},
		"later on the same day":       {"mon-fri 08:00-18:00 Europe/Berlin", "2026-11-30T03:00:00Z", "2026-11-30T07:00:00Z"},
		"after the weekend":           {"mon-fri 08:00-18:00 Europe/Berlin", "2026-11-27T20:00:00Z", "2026-11-30T07:00:00Z"},
		"a week later":                {"sun 08:00-09:00", "2026-11-29T09:00:00Z", "2026-12-06T08:00:00Z"},
		"after the clocks went ahead": {"sun 08:00-09:00 Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"},
	} {
		t.Run(says, func(t *testing.T) {
			s, err := ParseSchedule(c.schedule)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Next(at).Format(time.RFC3339); got != c.want {
				t.Errorf("%q after %s: %s, want %s", c.schedule, c.at, got, c.want)
			}
		})
	}
}
