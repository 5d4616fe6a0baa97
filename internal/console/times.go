package console

import (
	"fmt"
	"html/template"
	"time"
)

// lasts shows a duration as short as its size allows. The script has the same function, by
// which times go on between two changes.
func lasts(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s/3600%24)
}

// tookText shows milliseconds, finer than lasts below ten seconds.
func tookText(ms *int64) string {
	switch {
	case ms == nil:
		return ""
	case *ms == 0: // GitHub's times are whole seconds
		return "0s"
	case *ms < 1000:
		return fmt.Sprintf("%dms", *ms)
	case *ms < 10_000:
		return fmt.Sprintf("%.1fs", float64(*ms)/1000)
	}
	return lasts(time.Duration(*ms) * time.Millisecond)
}

func tookHTML(ms *int64) template.HTML {
	if ms == nil {
		return `<span class="none">–</span>`
	}
	return template.HTML(tookText(ms))
}

// moment is a time element, which the script keeps up to date. All its parts are made here.
func moment(kind, text string, at, now time.Time, zone *time.Location) template.HTML {
	if at.IsZero() {
		return `<span class="none">–</span>`
	}
	data := ""
	if kind != "" {
		data = ` data-` + kind + `="` + fmt.Sprint(at.UnixMilli()) + `"`
	}
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `" title="` + at.In(zone).Format("2006-01-02 15:04:05 MST") + `"` + data + `>` + text + `</time>`)
}

func ago(at, now time.Time, zone *time.Location) template.HTML {
	return moment("ago", lasts(now.Sub(at))+" ago", at, now, zone)
}

// since is how long something goes on by now.
func since(at, now time.Time, zone *time.Location) template.HTML {
	return moment("since", lasts(now.Sub(at)), at, now, zone)
}

// until is how long it is to a time to come.
func until(at, now time.Time, zone *time.Location) template.HTML {
	text := "now"
	if d := at.Sub(now); d > 0 {
		text = "in " + lasts(d)
	}
	return moment("until", text, at, now, zone)
}

// clock is a time of day, with its date if that is not today's.
func clock(at, now time.Time, zone *time.Location) template.HTML {
	form := time.TimeOnly
	if at.In(zone).Format(time.DateOnly) != now.In(zone).Format(time.DateOnly) {
		form = "Jan 2 15:04:05"
	}
	return moment("", at.In(zone).Format(form), at, now, zone)
}
