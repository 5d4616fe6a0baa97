package simulation

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// history is all that a seed's history shows: every line of its trace, and its story.
func history(seed uint64) string {
	var text strings.Builder
	r := Run(History(seed), seed, Watch{
		Trace: func(at time.Time, line string) { fmt.Fprintf(&text, "%s %s\n", at.Format(time.RFC3339Nano), line) },
		Story: &text,
	})
	fmt.Fprintf(&text, "%+v\n", r)
	return text.String()
}

// One seed is one history, to the byte, however many processors there are.
func TestOneSeedIsOneHistory(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		before := runtime.GOMAXPROCS(1)
		first := history(seed)
		runtime.GOMAXPROCS(2)
		second := history(seed)
		runtime.GOMAXPROCS(before)
		if first != second {
			t.Errorf("seed %d: %s", seed, firstDifference(first, second))
		}
	}
}

func TestAnotherSeedIsAnotherHistory(t *testing.T) {
	if history(1) == history(2) {
		t.Error("the seed draws nothing")
	}
}

func firstDifference(a, b string) string {
	linesOfB := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(linesOfB) || line != linesOfB[i] {
			return fmt.Sprintf("line %d is %q, and then %q", i+1, line, linesOfB[min(i, len(linesOfB)-1)])
		}
	}
	return "the second one goes on"
}
