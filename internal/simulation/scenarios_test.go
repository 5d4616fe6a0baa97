package simulation

import (
	"sync"
	"testing"
)

// TestScenarios plays every scenario, and compares the docs' tables of troubles and of
// requests with what came of them. What known.yaml excuses must still happen in one that
// is marked as a known failure, or its entry has to go.
func TestScenarios(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	played, shown := map[string]Result{}, map[string]bool{}
	t.Cleanup(func() { // the parts are over by then
		if len(played) < len(all) {
			return
		}
		checkTroubles(t, played)
		checkRequests(t, played)
		for _, k := range knownFailures {
			if !shown[k.Name] {
				t.Errorf("no scenario that is a known failure shows %q any more: take it out of known.yaml", k.Name)
			}
		}
	})
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := Run(s, 1, Watch{})
			if err := s.Judge(r); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			played[s.Name] = r
			for _, v := range r.Violations {
				shown[Known(v)] = shown[Known(v)] || s.KnownFailure != ""
			}
		})
	}
}

func TestJudgeOfAScenario(t *testing.T) {
	broken := Result{Violations: []Violation{{Rule: ruleLost, What: "job 7 is queued"}}}
	for name, c := range map[string]struct {
		of   Scenario
		came Result
		want string
	}{
		"it holds":                      {Scenario{}, Result{}, ""},
		"it breaks a rule":              {Scenario{}, broken, "it breaks rules: lost job: job 7 is queued (at 0s)"},
		"it fails as known":             {Scenario{KnownFailure: "because", ShowsAs: []string{"lost job"}}, broken, ""},
		"it fails otherwise":            {Scenario{KnownFailure: "because", ShowsAs: []string{"left over"}}, broken, `it fails, but not as known: nothing says "left over"; it breaks: lost job: job 7 is queued (at 0s)`},
		"a known failure that has gone": {Scenario{KnownFailure: "because", ShowsAs: []string{"lost job"}}, Result{}, "it is a known failure (because) and passes: take known_failure out of it"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := c.of.Judge(c.came); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
