package simulation

import (
	"slices"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// failing expects what cannot be: that is a violation which no entry of known.yaml knows.
func failing(t *testing.T) Scenario {
	t.Helper()
	s, err := ReadScenario([]byte(`
name: too much
jobs:
  - {at: 10s, takes: 1m}
  - {at: 20s, count: 4, takes: 1m, run: matrix, max_parallel: 3}
events:
  - {at: 1m, does: deploy}
faults:
  - {kind: github.webhook_doubled}
  - {kind: ecs.answer_lost, until: 10m}
expect:
  - tasks == 0
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShrink(t *testing.T) {
	small := Shrink(failing(t), 1, ruleExpected, 100)
	if len(small.Faults) != 0 || len(small.Events) != 0 || len(small.Jobs) != 1 || small.Jobs[0].Count > 1 || small.Jobs[0].Run != "" {
		t.Errorf("what is left is\n%s", small.Write())
	}
	if v := Run(small, 1, Watch{}).Violations; len(v) != 1 || v[0].Rule != ruleExpected {
		t.Errorf("it breaks %s", v)
	}
}

func TestShrinkGivesUp(t *testing.T) {
	whole := failing(t)
	for name, small := range map[string]Scenario{
		"after no history at all":      Shrink(whole, 1, ruleExpected, 0),
		"at a rule that is not broken": Shrink(whole, 1, ruleKilled, 50),
	} {
		if small.Write() != whole.Write() {
			t.Errorf("%s:\n%s", name, small.Write())
		}
	}
}

// What is known is no reason to keep something.
func TestShrinkLooksForWhatIsNotKnown(t *testing.T) {
	known, err := ReadScenario([]byte(`
name: neither webhook nor sweep
jobs: [{at: 5s, takes: 1m}]
lasts: 1m
faults: [{kind: github.webhook_lost, until: 3h}, {kind: schedule.skipped, until: 3h}]
`))
	if err != nil {
		t.Fatal(err)
	}
	excuse(t, `[{name: no one hears of the job, rule: lost job, says: "is queued on GitHub", about: an example}]`)
	known.Faults = append(slices.Clone(known.Faults), kernel.Fault{Kind: kernel.Slow, For: kernel.Duration{Duration: time.Millisecond}})
	if v := Run(known, 1, Watch{}).Violations; len(v) == 0 || Known(v[0]) == "" {
		t.Fatalf("it breaks %s, which should be known", v)
	}
	if small := Shrink(known, 1, ruleLost, 20); len(small.Faults) != len(known.Faults) {
		t.Errorf("a known violation was shrunk to\n%s", small.Write())
	}
}
