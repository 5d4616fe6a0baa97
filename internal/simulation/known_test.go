package simulation

import "testing"

// excuse has an entry of known.yaml for the length of a test.
func excuse(t *testing.T, entry string) {
	was := knownFailures
	t.Cleanup(func() { knownFailures = was })
	knownFailures = readKnown([]byte(entry))
}

const lostByNotFound = `
- name: one 404 ends a run
  rule: lost job
  says: "its run is FAILED: GitHub\\.NotFound"
  about: an example
`

func TestKnown(t *testing.T) {
	excuse(t, lostByNotFound)
	for name, c := range map[string]struct {
		v    Violation
		want string
	}{
		"a violation that nothing excuses": {Violation{Rule: ruleLost, What: "job 7 is queued on GitHub; it has no run"}, ""},
		"a rule that has no entry":         {Violation{Rule: ruleKilled, What: "the task of runner fleet-7-1 was stopped while it ran job 7"}, ""},
		"the words of another rule":        {Violation{Rule: ruleCost, What: "its run is FAILED: GitHub.NotFound"}, ""},
		"one that is known":                {Violation{Rule: ruleLost, What: "its run is FAILED: GitHub.NotFound"}, "one 404 ends a run"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Known(c.v); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// An entry for every text of a rule would hide violations that are not known.
func TestNoEntryExcusesAWholeRule(t *testing.T) {
	for _, k := range knownFailures {
		if k.Name == "" || k.About == "" || k.says.MatchString("") || k.says.MatchString("what nobody has seen yet") {
			t.Errorf("%+v has no name, no reason, or excuses whatever breaks %q", k, k.Rule)
		}
	}
}
