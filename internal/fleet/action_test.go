package fleet_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestAnActionIsBounded(t *testing.T) {
	a := fleet.Operator{By: strings.Repeat("a", 1<<20), Reason: "line 1\nline 2\t\xff" + strings.Repeat("界", 1<<20)}.Act(fleet.CommandPause, "1", now)
	if n := utf8.RuneCountInString(a.Reason); n > fleet.MostReason || len(a.By) > 210 || !utf8.ValidString(a.Reason) || strings.ContainsAny(a.Reason, "\n\t") {
		t.Errorf("%d characters of reason %.60q, %d bytes of by", n, a.Reason, len(a.By))
	}
	equal(t, fleet.Operator{}.Act(fleet.CommandPause, "1", now).By, "an operator")
}

func TestARecordKeepsItsLastActions(t *testing.T) {
	var run fleet.Run
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "6"} {
		run = run.Trace(fleet.Operator{}.Act(fleet.CommandRetry, id, now))
	}
	var ids []string
	for _, a := range run.Actions {
		ids = append(ids, a.ID)
	}
	equal(t, strings.Join(ids, " "), "6 5 4 3 2")
	equal(t, len(run.Untrace("6").Untrace("5").Actions), 3)
	equal(t, len(run.Actions), 5)
}

// What GitHub says of a job that an operator stopped is GitHub's word for that.
func TestTheEndOfAJobThatAnOperatorStopped(t *testing.T) {
	at := now.Add(900 * time.Millisecond)
	stopped := fleet.Operator{By: "ada (uid 7)", Reason: "it hangs"}.Act(fleet.CommandForceTerminate, "1", at)
	stopped.RunnerID = "fleet-7-1"
	says := "stopped by ada (uid 7) while fleet-7-1 ran it, with `ecsrunner runners terminate --force` (it hangs); GitHub calls that "
	for name, c := range map[string]struct {
		conclusion string
		completed  time.Time
		runner     string
		command    fleet.Command
		want       fleet.RunStatus
		reason     string
	}{
		"cancelled":                    {"cancelled", at.Add(time.Second), "fleet-7-1", "", fleet.RunCancelled, says + "cancelled"},
		"in the same second":           {"cancelled", now, "fleet-7-1", "", fleet.RunCancelled, says + "cancelled"},
		"failed":                       {"failure", at.Add(9 * time.Minute), "fleet-7-1", "", fleet.RunCompleted, says + "failure"},
		"it ended well all the same":   {"success", at.Add(time.Second), "fleet-7-1", "", fleet.RunCompleted, ""},
		"it had been cancelled before": {"cancelled", now.Add(-2 * time.Second), "fleet-7-1", "", fleet.RunCancelled, "cancelled on GitHub while fleet-7-1 ran it"},
		"it ran on another runner":     {"cancelled", at.Add(time.Second), "fleet-8-1", "", fleet.RunCancelled, "cancelled on GitHub while fleet-8-1 ran it"},
		"it was left alone":            {"cancelled", at.Add(time.Second), "fleet-7-1", fleet.CommandTerminate, fleet.RunCancelled, "cancelled on GitHub while fleet-7-1 ran it"},
	} {
		t.Run(name, func(t *testing.T) {
			run := fleet.NewRun(fleet.Job{JobID: 7}, now.Add(-time.Hour)).Move(fleet.RunRunning, "")
			run.RanOn = c.runner
			a := stopped
			if c.command != "" {
				a.Command = c.command
			}
			got := run.Trace(a).Complete(fleet.Job{JobID: 7, Status: fleet.JobCompleted, Conclusion: c.conclusion, CompletedAt: &c.completed}, at.Add(time.Hour))
			equal(t, got.Status, c.want)
			equal(t, got.Reason, c.reason)
		})
	}
}
