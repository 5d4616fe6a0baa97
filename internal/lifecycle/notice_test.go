package lifecycle_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

const asStatus = "shown to its developer as a failed commit status"

// refused is a world with runs whose jobs were just refused, and their ids.
func refused(t *testing.T, jobs int) (*lifecycletest.World, []string) {
	t.Helper()
	w := lifecycletest.New(t)
	w.MaxRunners = max(jobs, w.MaxRunners)
	var ids []string
	for id := range int64(jobs) {
		ids = append(ids, refuse(t, w, w.Job(id+1, "self-hosted", "class:huge"), `class "huge" is not one of large, small`))
	}
	return w, ids
}

func refuse(t *testing.T, w *lifecycletest.World, job fleet.Job, reason string) string {
	t.Helper()
	plan := &fleet.Plan{Decision: fleet.Refused, Rule: "class.unknown", Reason: reason}
	if _, _, err := w.Fleet().Finish(t.Context(), w.Launch(job), plan, "", ""); err != nil {
		t.Fatal(err)
	}
	return fleet.RunID(job.JobID)
}

func show(w *lifecycletest.World, t *testing.T, ids ...string) error {
	for _, id := range ids {
		if err := w.Fleet().ShowRefusal(t.Context(), w.Notices(), id); err != nil {
			return err
		}
	}
	return nil
}

// sweepUntilShown shows what is due each minute, as the sweep does.
func sweepUntilShown(t *testing.T, w *lifecycletest.World) {
	t.Helper()
	for range 90 {
		due, err := w.Records.Waiting(t.Context(), fleet.NoticeList, fleet.LaterOrder, 100)
		if err != nil || len(due) == 0 {
			return
		}
		_ = show(w, t, due...)
		w.Pass(time.Minute)
	}
	t.Error("there is no end to it")
}

func TestARefusalIsShown(t *testing.T) {
	w, ids := refused(t, 1)
	if err := show(w, t, ids...); err != nil {
		t.Fatal(err)
	}
	want := fleet.Refusal{
		FleetName: "fleet", Repository: "octo/repo", SHA: lifecycletest.HeadSHA, Workflow: "CI", Number: 1,
		Rule: "class.unknown", Reason: `class "huge" is not one of large, small`, URL: "https://example.com/labels", ID: w.GitHub.Refusals[0].ID,
	}
	if want.ID == "" {
		t.Error("the refusal has no id")
	}
	if len(w.GitHub.Refusals) != 1 || w.GitHub.Refusals[0] != want {
		t.Errorf("GitHub shows %+v, want %+v", w.GitHub.Refusals, want)
	}
	run := w.Run(ids[0])
	if run.Notice.String() != asStatus || run.Status != fleet.RunRefused || run.Launched != 1 {
		t.Errorf("%s after %d runners: %q", run.Status, run.Launched, run.Notice)
	}
}

// A matrix, in any order of its jobs and with all events repeated, has one status.
func TestAMatrixHasOneStatus(t *testing.T) {
	w, ids := refused(t, 50)
	for range 3 {
		if err := show(w, t, ids...); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Hour)
	}
	if len(w.GitHub.Refusals) != 1 {
		t.Errorf("GitHub shows %d", len(w.GitHub.Refusals))
	}
	for _, id := range ids {
		if got := w.Run(id).Notice.String(); got != asStatus {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// Two functions show two jobs of a matrix at once.
func TestTwoAtOnceShowOneStatus(t *testing.T) {
	for _, call := range []string{"Records.Cursor", "Records.SwapCursor", "GitHub.ShowRefusal"} {
		t.Run(call, func(t *testing.T) {
			w, ids := refused(t, 2)
			w.After(call, func() {
				if err := show(w, t, ids[1]); err != nil {
					t.Error(err)
				}
			})
			if err := show(w, t, ids[0]); err != nil {
				t.Fatal(err)
			}
			sweepUntilShown(t, w)
			if len(w.GitHub.Refusals) != 1 {
				t.Errorf("GitHub shows %d", len(w.GitHub.Refusals))
			}
			for _, id := range ids {
				if got := w.Run(id).Notice.String(); got != asStatus {
					t.Errorf("%s: %q", id, got)
				}
			}
		})
	}
}

// State leaves out what is shown twice: only a death between GitHub's answer and the record
// of it may do that.
func TestShowRefusalMayBeKilledAnywhere(t *testing.T) {
	lifecycletest.KillEverywhere(t,
		func(t *testing.T) *lifecycletest.World { w, _ := refused(t, 2); return w },
		func(w *lifecycletest.World) error { return show(w, t, "job-1", "job-2") },
		func(w *lifecycletest.World) { sweepUntilShown(t, w) })
}

func TestAKilledOneIsShownTwiceAtMost(t *testing.T) {
	for n := 1; ; n++ {
		w, ids := refused(t, 2)
		died, _ := w.Suffer(lifecycletest.Fault{Point: n, After: true}, func() error { return show(w, t, ids...) })
		if !died {
			return
		}
		sweepUntilShown(t, w)
		if shown := len(w.GitHub.Refusals); shown < 1 || shown > 2 {
			t.Errorf("killed after call %d: shown %d times", n, shown)
		}
	}
}

func TestWhatGitHubAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		err   bool
		says  string
		later string // once GitHub answers
	}{
		"GitHub is down":            {fleet.Errorf(fleet.GitHubUnavailable, "502"), true, "is to be shown to its developer; not yet: GitHub.Unavailable: 502", asStatus},
		"the token is not valid":    {fleet.Errorf(fleet.GitHubUnauthorized, "401"), true, "is to be shown to its developer; not yet: GitHub.Unauthorized: 401", asStatus},
		"the token may not":         {fleet.Errorf(fleet.GitHubNoAccess, "403"), false, "could not be shown: GitHub.NoAccess: 403", "could not be shown: GitHub.NoAccess: 403"},
		"the token does not see":    {fleet.Errorf(fleet.GitHubNotFound, "404"), false, "could not be shown: GitHub.NotFound: 404", "could not be shown: GitHub.NotFound: 404"},
		"GitHub has no such commit": {fleet.Errorf(fleet.GitHubInvalid, "422"), false, "could not be shown: GitHub.Invalid: 422", "could not be shown: GitHub.Invalid: 422"},
	} {
		t.Run(name, func(t *testing.T) {
			w, ids := refused(t, 3)
			w.GitHub.Fails["ShowRefusal"] = c.fails
			for _, id := range ids {
				err := show(w, t, id)
				if (err != nil) != (c.err && id == ids[0]) {
					t.Errorf("%s: error %v", id, err)
				}
				if got := w.Run(id).Notice.String(); got != c.says {
					t.Errorf("%s: %q, want %q", id, got, c.says)
				}
			}
			if asked := strings.Count(fmt.Sprint(w.GitHub.Calls), "ShowRefusal"); asked != 1 {
				t.Errorf("it asks %d times", asked)
			}
			delete(w.GitHub.Fails, "ShowRefusal")
			sweepUntilShown(t, w)
			if got := w.Run(ids[2]).Notice.String(); got != c.later {
				t.Errorf("later: %q, want %q", got, c.later)
			}
		})
	}
}

// What is left is kept for claims, and a refusal waits.
func TestARefusalLeavesTheReserve(t *testing.T) {
	w, ids := refused(t, 1)
	w.GitHub.Left = fleet.Budget{Credential: "token", Resource: "core", Limit: 5000, Remaining: 3, Reset: w.Now().Add(30 * time.Minute)}
	if err := show(w, t, ids...); err != nil {
		t.Fatal(err)
	}
	if len(w.GitHub.Refusals) > 0 {
		t.Error("it asks GitHub")
	}
	w.GitHub.Left.Remaining = 4
	w.Pass(time.Minute)
	if err := show(w, t, ids...); err != nil || len(w.GitHub.Refusals) != 1 {
		t.Errorf("with one more it shows %d, %v", len(w.GitHub.Refusals), err)
	}
}

// GitHub lets a credential make 80 things a minute that others read; the rest waits.
func TestRefusalsKeepToThePace(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 50
	var ids []string
	for id := range int64(50) {
		job := w.Job(id+1, "self-hosted", "class:huge")
		job.WorkflowRunID = id + 1
		ids = append(ids, refuse(t, w, job, "no"))
	}
	for _, id := range ids {
		_ = show(w, t, id)
	}
	if got := len(w.GitHub.Refusals); got != 40 {
		t.Errorf("%d at once", got)
	}
	sweepUntilShown(t, w)
	if got := len(w.GitHub.Refusals); got != 50 {
		t.Errorf("%d in the end", got)
	}
}

// The hook of the runner that took the job ended it: that it is refused is true all the same.
func TestARefusalThatAHookHasCarriedOut(t *testing.T) {
	w, ids := refused(t, 1)
	w.EditRun(ids[0], func(r *fleet.Run) { r.RanOn, r.Conclusion = "fleet-9-1", "cancelled" })
	if err := show(w, t, ids...); err != nil || len(w.GitHub.Refusals) != 1 {
		t.Errorf("shown %d times, %v", len(w.GitHub.Refusals), err)
	}
}

func TestARefusalThatIsNotWantedAnyMore(t *testing.T) {
	t.Run("another runner took the job", func(t *testing.T) {
		w, ids := refused(t, 1)
		w.EditRun(ids[0], func(r *fleet.Run) { *r = r.Move(fleet.RunCompleted, "") })
		if err := show(w, t, ids...); err != nil || len(w.GitHub.Refusals) > 0 {
			t.Errorf("shown %d times, %v", len(w.GitHub.Refusals), err)
		}
		if got := w.Run(ids[0]).Notice.String(); got != "could not be shown: its job ran after all" {
			t.Errorf("%q", got)
		}
	})
	t.Run("its developer cancelled it meanwhile, and sees why it hung", func(t *testing.T) {
		w, ids := refused(t, 1)
		if err := w.Fleet().Completed(t.Context(), lifecycletest.Completed(w.GitHub.Has(1), "cancelled")); err != nil {
			t.Fatal(err)
		}
		if err := show(w, t, ids...); err != nil {
			t.Fatal(err)
		}
		if len(w.GitHub.Refusals) != 1 || !strings.Contains(w.GitHub.Refusals[0].Reason, "huge") {
			t.Errorf("shown: %+v", w.GitHub.Refusals)
		}
	})
	t.Run("it was not refused", func(t *testing.T) {
		w := lifecycletest.New(t)
		w.Launch(w.Job(1))
		if err := show(w, t, "job-1"); err != nil || len(w.GitHub.Calls) > 0 {
			t.Errorf("it asks %q, %v", w.GitHub.Calls, err)
		}
	})
}

// noCredential is GitHub without a credential for a repository.
type noCredential struct {
	lifecycle.NoticeBoard
	err error
}

func (n noCredential) Budget(context.Context, string, time.Time) (fleet.Budget, error) {
	return fleet.Budget{}, n.err
}

// A refusal in a repository without a credential waits behind others, and is given up after
// a day.
func TestARefusalWithoutACredential(t *testing.T) {
	for name, others := range map[string]bool{fleet.GitHubNotFound: false, fleet.GitHubNoAccess: false, fleet.GitHubUnauthorized: true, fleet.SecretMissing: true} {
		w, ids := refused(t, 1)
		notices := w.Notices()
		notices.GitHub = noCredential{w.GitHub, fleet.Errorf(name, "no")}
		err := w.Fleet().ShowRefusal(t.Context(), notices, ids[0])
		if (err != nil) != others {
			t.Errorf("%s: %v", name, err)
		}
		if notice := w.Run(ids[0]).Notice; notice.Due(w.Now()) || notice.NextTry.IsZero() || !strings.Contains(notice.Why, "no") {
			t.Errorf("%s: after the first try %+v", name, notice)
		}
		w.Pass(25 * time.Hour)
		_ = w.Fleet().ShowRefusal(t.Context(), notices, ids[0])
		if notice := w.Run(ids[0]).Notice; !notice.NextTry.IsZero() || !strings.Contains(notice.Why, "given up after a day") {
			t.Errorf("%s: after a day %+v", name, notice)
		}
	}
}

// An App that may write checks shows them. One that may not is tried once an hour, and so is
// a token.
func TestWhatARefusalIsShownAs(t *testing.T) {
	w := lifecycletest.New(t)
	w.MaxRunners = 50
	w.GitHub.Left.Credential = "app-1"
	shown := func(id int64) (as string, tried bool) {
		job := w.Job(id, "self-hosted", "class:huge")
		job.WorkflowRunID = id
		run := refuse(t, w, job, "no")
		if err := show(w, t, run); err != nil {
			t.Fatal(err)
		}
		return w.Run(run).Notice.As, !w.GitHub.Refusals[len(w.GitHub.Refusals)-1].StatusOnly
	}
	is := func(id int64, as string, tried bool) {
		t.Helper()
		if gotAs, gotTried := shown(id); gotAs != as || gotTried != tried {
			t.Errorf("the refusal %d is shown as %q, and a check run was tried: %t", id, gotAs, gotTried)
		}
	}
	w.GitHub.Checks = true
	is(1, "a failed check run", true)
	is(2, "a failed check run", true)
	w.GitHub.Checks = false
	is(3, "a failed commit status", true)
	is(4, "a failed commit status", false)
	w.Pass(time.Hour - time.Second)
	is(5, "a failed commit status", false)
	w.GitHub.Left.Credential = "app-2"
	is(6, "a failed commit status", true)
	w.GitHub.Left.Credential, w.GitHub.Checks = "app-1", true
	w.Pass(time.Second)
	is(7, "a failed check run", true)
}

// The second try of a refusal says so, with the same id, so that what the first one made is
// found.
func TestASecondTryHasTheIDOfTheFirst(t *testing.T) {
	w, ids := refused(t, 2)
	w.GitHub.Checks = true
	w.GitHub.Loses["ShowRefusal"] = fleet.Errorf(fleet.GitHubUnavailable, "reset")
	_ = show(w, t, ids...)
	delete(w.GitHub.Loses, "ShowRefusal")
	sweepUntilShown(t, w)
	r := w.GitHub.Refusals
	if len(r) != 2 || r[0].ID != r[1].ID || r[0].Again || !r[1].Again {
		t.Errorf("shown: %+v", r)
	}
}
