package simulation

import (
	"strings"
	"testing"
)

// calm is a day with one job, for what is the same whatever happens.
const calm = "name: calm\njobs: [{at: 10s, takes: 1m}]\n"

func TestExpectations(t *testing.T) {
	for text, want := range map[string]string{
		"every job runs": "", "tasks == 1": "", "tasks <= 1": "", "tasks >= 1": "", "last start <= 2m": "", "last start >= 20s": "",
		"jobs of success == 1": "", "jobs of failure == 0": "", "exits of 0 == 1": "", "tasks of FARGATE == 1": "", "webhooks of queued == 1": "",
		"requests of github.generate_jitconfig == 1": "", "events of ECS Task State Change == 4": "", "events of Step Functions Execution Status Change == 0": "", "invocations of runtask == 1": "",
		"lines of is in progress == 1": "", "time from is in progress to is completed >= 1m": "",
		"tasks == 2":                  "tasks are 1, want == 2",
		"tasks >= 2":                  "tasks are 1, want >= 2",
		"tasks <= 0":                  "tasks are 1, want <= 0",
		"longest task <= 20s":         "longest task are 2m",
		"a run says that it is tired": `no run says "that it is tired"`,
		"lines of pigs fly >= 1":      "lines of pigs fly are 0, want >= 1",
		"time from is in progress to pigs fly >= 0": "are -1, want >= 0",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s, err := ReadScenario([]byte(calm + "expect: [\"" + text + "\"]\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := Run(s, 1, Watch{}).Violations
			switch {
			case want == "" && len(got) > 0:
				t.Errorf("%s", got)
			case want != "" && (len(got) != 1 || got[0].Rule != ruleExpected || !strings.Contains(got[0].What, want)):
				t.Errorf("%s, want %q", got, want)
			}
		})
	}
}

// Looking must not change what is looked at.
func TestExpectationsChangeNothing(t *testing.T) {
	plain, err := ReadScenario([]byte(calm))
	if err != nil {
		t.Fatal(err)
	}
	looked, err := ReadScenario([]byte(calm + "expect: [lines of is in progress == 1]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := Run(plain, 3, Watch{}), Run(looked, 3, Watch{}); a.Turns != b.Turns || a.Requests != b.Requests || a.Lasted != b.Lasted {
		t.Errorf("%+v, and when it is looked at %+v", a, b)
	}
}
