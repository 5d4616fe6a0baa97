package fleet_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var now = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// plain reports whether the text can go to a log line or a terminal as it is.
func plain(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

func jobOf(id int64, labels ...string) fleet.Job {
	return fleet.Job{JobID: id, Repository: "octo/repo", Private: true, Labels: labels, Status: fleet.JobQueued}
}

// launched is a run with its first runner.
func launched(t *testing.T, job fleet.Job) (fleet.Run, fleet.Runner) {
	t.Helper()
	res := fleet.Launch(fleet.LaunchFacts{FleetName: "fleet", MaxRunners: 10, Run: fleet.NewRun(job, now), Now: now})
	if len(res.Changes.Runners) != 1 {
		t.Fatalf("job %d was not launched: %s", job.JobID, res.Reason)
	}
	return res.Changes.Runs[0], res.Changes.Runners[0]
}
