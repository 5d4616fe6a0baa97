package fleet

import (
	"encoding/json"
	"time"
)

// GitHub lets a credential make so many comments, statuses and the like a minute and an
// hour: 80 and 500. Refusals use half of that, since two of these minutes may touch.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const (
	mostContentsAMinute = 40
	mostContentsAnHour  = 250
)

// ContentPace counts what a credential has made on GitHub that others read.
type ContentPace struct {
	Minute   time.Time `json:"minute"` // when the one began that is counted
	InMinute int       `json:"in_minute"`
	Hour     time.Time `json:"hour"`
	InHour   int       `json:"in_hour"`
	// NoChecks is until when it counts as one that may write no check runs.
	NoChecks time.Time `json:"no_checks_until,omitzero"`
}

// WithoutChecks notes that the credential has just been refused a check run.
func (p ContentPace) WithoutChecks(now time.Time) ContentPace {
	p.NoChecks = now.UTC().Add(noAccessFor)
	return p
}

// ContentPaceCursor is the cursor that keeps that of a credential.
func ContentPaceCursor(credential string) string { return "content_pace/" + credential }

// ReadContentPace reads what a cursor keeps.
func ReadContentPace(cursor string) (p ContentPace) {
	if json.Unmarshal([]byte(cursor), &p) != nil {
		return ContentPace{}
	}
	return p
}

// Take counts one more. If there is no room for it, it returns when there is.
func (p ContentPace) Take(now time.Time) (_ ContentPace, free time.Time) {
	now = now.UTC()
	if now.Sub(p.Minute) >= time.Minute {
		p.Minute, p.InMinute = now, 0
	}
	if now.Sub(p.Hour) >= time.Hour {
		p.Hour, p.InHour = now, 0
	}
	switch {
	case p.InHour >= mostContentsAnHour:
		return p, p.Hour.Add(time.Hour)
	case p.InMinute >= mostContentsAMinute:
		return p, p.Minute.Add(time.Minute)
	}
	p.InMinute++
	p.InHour++
	return p, time.Time{}
}
