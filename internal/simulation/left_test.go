package simulation

import (
	"strings"
	"testing"
)

func TestWhatIsLeft(t *testing.T) {
	for name, c := range map[string]struct{ scenario, want string }{
		"a job that is about to start": {"lasts: 20s", ""},
		"a runner whose task starts":   {"lasts: 40s", ""},
		"a runner with a job":          {"lasts: 1m", ""},
		"a job whose webhook and sweep are lost": {
			"lasts: 1m\nfaults: [{kind: github.webhook_lost, until: 3h}, {kind: schedule.skipped, until: 3h}]", "lost job",
		},
		"a runner whose end the fleet does not hear of": {
			"lasts: 5m\nfaults: [{kind: lambda.throttled, from: 2m, until: 9h}]", "left over",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := ReadScenario([]byte("name: one job\njobs: [{at: 5s, takes: 3m}]\n" + c.scenario + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := Run(s, 1, Watch{}).Violations
			if c.want == "" && len(got) > 0 {
				t.Error(got)
			}
			if c.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0].String(), c.want)) {
				t.Errorf("%v, want one that begins with %q", got, c.want)
			}
		})
	}
}
