package fleet_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/decisiontest"
)

// TestDecisions holds Admit to the table, of which validate and explain say the same.
func TestDecisions(t *testing.T) {
	for _, c := range decisiontest.Cases(t) {
		t.Run(c.It, func(t *testing.T) {
			d := c.Policy.Admit(c.Job(1))
			if d.Verdict != c.Verdict || d.Rule != c.Rule || !strings.Contains(d.Reason, c.Says) {
				t.Errorf("%q: got %s by %q: %s\nwant %s by %q: …%s…", c.Labels, d.Verdict, d.Rule, d.Reason, c.Verdict, c.Rule, c.Says)
			}
			if c.Class != "" && d.Class != c.Class {
				t.Errorf("%q: it gets class %q, want %q", c.Labels, d.Class, c.Class)
			}
			if !plain(d.Reason) {
				t.Errorf("the reason has control characters: %q", d.Reason)
			}
		})
	}
}
