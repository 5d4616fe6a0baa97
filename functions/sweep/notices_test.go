package sweep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

// refused has the jobs of as many workflow runs refused, and none of them shown.
func refused(t *testing.T, w *world, jobs int) {
	t.Helper()
	for id := range int64(jobs) {
		job := w.Job(id+1, "self-hosted", "class:huge")
		job.WorkflowRunID = id + 1
		w.GitHub.Set(job)
		runner := w.Launch(job)
		plan := &fleet.Plan{Decision: fleet.Refused, Rule: "class.unknown", Reason: `class "huge" is not one of large, small`}
		if _, _, err := w.Fleet().Finish(t.Context(), runner, plan, "", ""); err != nil {
			t.Fatal(err)
		}
	}
}

func notice(w *world, job int) string { return w.Run(fmt.Sprint("job-", job)).Notice.String() }

func asked(w *world, call string) (n int) {
	for _, c := range w.GitHub.Calls {
		if c == call {
			n++
		}
	}
	return n
}

func TestRefusalsThatWereNotShown(t *testing.T) {
	w := lifecycletest.New(t)
	refused(t, w, 3)
	repairs := mustSweep(t, w)
	mustSweep(t, w)
	if len(w.GitHub.Refusals) != 3 || notice(w, 3) != "shown to its developer as a failed commit status" {
		t.Errorf("%d are shown, the third is %q", len(w.GitHub.Refusals), notice(w, 3))
	}
	if len(repairs) > 0 {
		t.Errorf("it counts repairs: %v", repairs)
	}
	if got := usage(t, w).Asked["refusals_shown"]; got != 3 {
		t.Errorf("%d are counted", got)
	}
}

// The reserve is for claims. What is put off is counted, and no error.
func TestRefusalsWaitForTheReserve(t *testing.T) {
	w := lifecycletest.New(t)
	refused(t, w, 1)
	left(w, 3)
	mustSweep(t, w)
	if asked(w, "ShowRefusal") > 0 || notice(w, 1) != "is to be shown to its developer; not yet: what is left of GitHub's limit is kept for claims" {
		t.Errorf("%d are asked for, %q", asked(w, "ShowRefusal"), notice(w, 1))
	}
	w.Pass(time.Hour) // a new hour
	mustSweep(t, w)
	if len(w.GitHub.Refusals) != 1 {
		t.Errorf("%d are shown in the next hour", len(w.GitHub.Refusals))
	}
}

func TestRefusalsThatGitHubDoesNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		asks  int // of one sweep, for four refusals
		err   bool
	}{
		"GitHub is down for this repository, perhaps not for the others": {fleet.Errorf(fleet.GitHubUnavailable, "502"), 4, true},
		"GitHub limits our rate":   {lifecycletest.Limited(time.Minute), 1, true},
		"the token is not valid":   {fleet.Errorf(fleet.GitHubUnauthorized, "401"), 1, true},
		"the token may not":        {fleet.Errorf(fleet.GitHubNoAccess, "403"), 1, false},
		"it refuses what it gets":  {fleet.Errorf(fleet.GitHubInvalid, "422"), 4, false},
		"there is no token":        {fleet.Errorf(fleet.SecretMissing, "none"), 1, true},
		"its certificate is wrong": {fleet.Errorf(fleet.GitHubUntrusted, "x509"), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			refused(t, w, 4)
			w.GitHub.Fails["ShowRefusal"] = c.fails
			if _, err := run(w); (err != nil) != c.err {
				t.Errorf("error %v", err)
			}
			if got := asked(w, "ShowRefusal"); got != c.asks {
				t.Errorf("it asks %d times, want %d", got, c.asks)
			}
			if run := w.Run("job-1"); run.Status != fleet.RunRefused {
				t.Errorf("the run is %s", run.Status)
			}
		})
	}
}

// A credential that may not is asked of once an hour, however many jobs are refused, and
// nothing is left over in a day.
func TestACredentialThatMayNotShowRefusals(t *testing.T) {
	w := lifecycletest.New(t)
	refused(t, w, 20)
	w.GitHub.Fails["ShowRefusal"] = fleet.Errorf(fleet.GitHubNoAccess, "403")
	for range 24 * 60 {
		mustSweep(t, w)
		w.Pass(time.Minute)
	}
	if got := asked(w, "ShowRefusal"); got != 1 {
		t.Errorf("it asks %d times", got)
	}
	if waiting, _ := w.Records.Waiting(t.Context(), fleet.NoticeList, fleet.LaterOrder, 100); len(waiting) > 0 {
		t.Errorf("%q wait for ever", waiting)
	}
}

// One after the other is given up after a day.
func TestARefusalIsGivenUpAfterADay(t *testing.T) {
	w := lifecycletest.New(t)
	refused(t, w, 1)
	w.GitHub.Fails["ShowRefusal"] = fleet.Errorf(fleet.GitHubUnavailable, "502")
	for range 26 * 60 {
		_, _ = run(w)
		w.Pass(time.Minute)
	}
	if got := asked(w, "ShowRefusal"); got < 48 || got > 60 {
		t.Errorf("it asks %d times", got)
	}
	if got, want := notice(w, 1), "could not be shown: GitHub.Unavailable: 502; given up after a day"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRefusalsKeepToThePaceOverSweeps(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 60
	refused(t, w, 45)
	_, _ = run(w)
	first := len(w.GitHub.Refusals)
	w.Pass(time.Minute)
	mustSweep(t, w)
	w.Pass(time.Minute)
	mustSweep(t, w)
	if first != 40 || len(w.GitHub.Refusals) != 45 {
		t.Errorf("%d are shown at once, %d in the end", first, len(w.GitHub.Refusals))
	}
}

func TestASweepThatShowsRefusalsMayBeKilledAnywhere(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := lifecycletest.New(t)
		refused(t, w, 2)
		return w
	}
	settle := func(w *world) {
		for range 4 {
			w.Pass(time.Minute)
			_, _ = run(w)
		}
	}
	lifecycletest.KillEverywhere(t, setup, func(w *world) error { _, err := run(w); return err }, settle)
}
