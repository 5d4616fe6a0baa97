package why

import (
	"fmt"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// How much is shown of a stranger's text.
const (
	mostOfName     = 200
	mostOfSentence = 600
	mostLabels     = 20
)

func name(text string) string     { return fleet.Clip(text, mostOfName) }
func sentence(text string) string { return strings.TrimSuffix(fleet.Clip(text, mostOfSentence), ".") }

// full is text as a full sentence.
func full(text string) string {
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func labels(all []string) []string {
	shown := []string{}
	for i, l := range all {
		if i == mostLabels {
			return append(shown, fmt.Sprintf("and %d more", len(all)-i))
		}
		shown = append(shown, fleet.Clip(l, 100))
	}
	return shown
}

// lasted shows a time span in words short enough for a sentence.
func lasted(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Hour:
		return trimZero(d.Round(time.Second))
	}
	return trimZero(d.Round(time.Minute))
}

// trimZero removes the seconds of whole minutes and the minutes of whole hours.
func trimZero(d time.Duration) string {
	text := d.String()
	if d >= time.Minute {
		text = strings.TrimSuffix(text, "0s")
		if !strings.ContainsAny(text[len(text)-1:], "hms") { // 10s
			text += "0s"
		}
	}
	if d >= time.Hour && strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// since is how long ago something was.
func (f Facts) since(at time.Time) string {
	if at.IsZero() {
		return "for an unknown time"
	}
	return "for " + lasted(f.Now.Sub(at))
}

// when is how far away a time to come is.
func (f Facts) when(at time.Time) string {
	if !at.After(f.Now) {
		return "now"
	}
	return "in " + lasted(at.Sub(f.Now))
}

// times counts how often something happened.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

const (
	lateWebhook  = 45 * time.Second // GitHub delivers within seconds
	nearDeadline = 3 * time.Hour
)
