package main

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

func TestTheQuestionBeforeADrain(t *testing.T) {
	for want, plan := range map[string]operate.DrainPlan{
		"\n1 runner with a job is waited for.\n0 runners without a job are ended; 0 image builds, 1 registration and 0 task definitions are taken away.\n": {RunnersWith: []string{"a"}, Registrations: 1},
		"\n2 runners with a job are STOPPED: GitHub will show the jobs as cancelled or failed.\n1 runner without a job is ended; ":                         {RunnersWith: []string{"a", "b"}, RunnersWithout: []string{"c"}, StopsJobs: true},
	} {
		if got := strings.Join(drainQuestion(plan, "fleet ci"), "\n"); !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
}
