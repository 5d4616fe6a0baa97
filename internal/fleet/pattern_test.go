package fleet_test

import (
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestPatternsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "*", true},
		{"", "a", false},
		{"node*", "docker.io/*", false},
		{"d*", "docker.io/*", true},
		{"*node", "docker.io/*", true},
		{"*/node", "docker.io/*", true},
		{"ghcr.io/*", "ghcr.io", false},
		{"GHCR.io/acme/*", "ghcr.io/*/tools", true},
		{"ghcr.io/acme/*", "ghcr.io/octo/*", false},
		{"a*b*c", "*b", false},
		{"a*b*c", "*bc", true},
		{"**", "x", true},
	} {
		if fleet.PatternsMeet(c.a, c.b) != c.want || fleet.PatternsMeet(c.b, c.a) != c.want {
			t.Errorf("%q and %q meet: want %t, either way", c.a, c.b, c.want)
		}
	}
}

// A pattern fits a text without * exactly if the two meet.
func FuzzPatternsMeet(f *testing.F) {
	f.Add("a*b", "axxb")
	f.Add("*a", "b")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		for _, s := range []string{pattern, text} {
			for _, c := range []byte(s) {
				if c >= 0x80 {
					t.Skip()
				}
			}
		}
		for _, c := range text {
			if c == '*' {
				t.Skip()
			}
		}
		if got, want := fleet.PatternsMeet(pattern, text), (fleet.Patterns{pattern}).Fit(text); got != want {
			t.Errorf("%q and %q meet: %t, fit: %t", pattern, text, got, want)
		}
	})
}
