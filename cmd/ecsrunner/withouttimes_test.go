package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// spans are how long something takes, also in several units, and moments. Numbers without a
// unit are taken for such too, since a clock's are.
var spans = regexp.MustCompile(`less than a second|\d[\d.:]*( ?(ms|s|m|min|h|d|seconds?|minutes?|hours?|days?)(\d[\d.:]*(ms|s|m|h))*\b)?`)

// withoutTimes is a text whose times do not matter, for a comparison of two that were not
// made in the same second.
func withoutTimes(text string) string {
	return strings.Join(strings.Fields(spans.ReplaceAllString(text, "…")), " ")
}

func TestWithoutTimes(t *testing.T) {
	text := func(span string) string {
		return withoutTimes("job-1 waits for room for " + span + " (since 07:23:41), 3 before it")
	}
	want := text("59s")
	for _, span := range []string{"less than a second", "1s", "1m", "1m1s", "59m59s", "1h", "1h1m", "49h30m", "250ms", "2 minutes"} {
		if got := text(span); got != want {
			t.Errorf("a span of %s leaves %q, and one of 59s %q", span, got, want)
		}
	}
	for d := time.Second; d < 2*time.Hour; d += time.Second {
		if got := text(d.String()); got != want {
			t.Fatalf("a span of %s leaves %q", d, got)
		}
	}
	if withoutTimes("waits for 1m for room") == withoutTimes("waits for 1m for GitHub") {
		t.Error("words are left out too")
	}
}
