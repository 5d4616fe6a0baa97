package console

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
)

func TestPagesShowPoolsAndTheirRunners(t *testing.T) {
	c := newBusy(t, nil)
	for at, wants := range map[string][]string{
		"/":                                  {"Warm runners", "medium@octo-org/app", "1 of 3 idle, 1 starting, 1 with a job", "Not full: its last runner was lost soon", "8 taken, 3 lost while they idled", "of 48 h", "3 of 3 idle"},
		"/classes":                           {"Warm runners", "medium@octo-org/web"},
		"/runners?phase=open":                {"idles for", "in its pool", "warm, idled"},
		"/runners/" + consoletest.IdleRunner: {"Launched to idle in pool", "Idles"},
		"/runners/" + consoletest.WarmRunner: {"Launched to idle in pool", "Idled before its job", "/runs/job-20000000905"},
	} {
		status, body := get(t, c, at)
		if status != 200 {
			t.Errorf("%s: status %d", at, status)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q", at, want)
			}
		}
		if strings.Contains(body, `"/runs/"`) {
			t.Errorf("%s leads to a run without an id", at)
		}
	}
}
