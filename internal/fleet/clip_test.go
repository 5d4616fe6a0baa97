package fleet_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestClip(t *testing.T) {
	for text, want := range map[string]string{"": "", "four": "four", "fours": "fou…", "für u": "für…", "für": "für"} {
		equal(t, fleet.Clip(text, 4), want)
	}
	equal(t, fleet.Clip("text", 0), "…")
}

func TestClipBytes(t *testing.T) {
	for text, want := range map[string]string{"": "", "four": "four", "fours": "four", "für": "für", "fürs": "für", "abcü": "abc"} {
		equal(t, fleet.ClipBytes(text, 4), want)
	}
}

func TestQuoteShort(t *testing.T) {
	equal(t, fleet.QuoteShort("a\nb"), `"a\nb"`)
	equal(t, fleet.QuoteShort(strings.Repeat("ü", 60)), `"`+strings.Repeat("ü", 60)+`"`)
	equal(t, fleet.QuoteShort(strings.Repeat("ü", 61)), `"`+strings.Repeat("ü", 57)+`..."`)
}
