package simulation

import "testing"

func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		v    Violation
		want string
	}{
		"a violation that nothing excuses": {Violation{Rule: ruleLost, What: "job 7 is queued on GitHub; it has no run"}, ""},
		"a rule that has no entry":         {Violation{Rule: ruleKilled, What: "the task of runner fleet-7-1 was stopped while it ran job 7"}, ""},
		"the words of another rule":        {Violation{Rule: ruleCost, What: "its run is FAILED: GitHub.NotFound"}, ""},
		"one that is known":                {Violation{Rule: ruleLost, What: "its run is FAILED: GitHub.NotFound"}, "a run ends as FAILED though GitHub has its job queued"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Known(c.v); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// An entry for every text of a rule would hide what nobody knows.
func TestNoEntryExcusesAWholeRule(t *testing.T) {
	for _, k := range knownFailures {
		if k.Name == "" || k.About == "" || k.says.MatchString("") || k.says.MatchString("what nobody has seen yet") {
			t.Errorf("%+v has no name, no reason, or excuses whatever breaks %q", k, k.Rule)
		}
	}
}
