package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// refusedJob is a run of a workflow run that was refused for a reason.
func refusedJob(jobID, workflowRun int64, reason string) fleet.Run {
	run := fleet.NewRun(fleet.Job{JobID: jobID, WorkflowRunID: workflowRun, Repository: "octo/repo", HeadSHA: headSHA}, now)
	run = run.Move(fleet.RunRefused, reason).Mark(fleet.StageClosed, now)
	run.Notice = &fleet.Notice{NextTry: now, Rule: "class.unknown", Reason: reason}
	return run
}

const status = "a failed commit status"

// played begins to show the refusal of each run at once, ends those that began, and
// returns the runs that began.
func played(n fleet.Notices, failed error, runs ...fleet.Run) (_ fleet.Notices, began []string, last fleet.Notice) {
	for _, run := range runs {
		next, sent, notice := n.Begin(run, "token", now)
		if last = notice; sent != nil {
			began = append(began, run.RunID)
			n, last = next.End(*sent, status, failed, "token", now)
		}
	}
	return n, began, last
}

func TestOneNoticeForAWorkflowRunAndReason(t *testing.T) {
	var runs []fleet.Run
	for id := range int64(50) {
		runs = append(runs, refusedJob(id+1, 1, "no class huge"))
	}
	n, began, last := played(fleet.Notices{}, nil, runs...)
	if len(began) != 1 || last.As != status || last.Of != "job-1" || !last.NextTry.IsZero() {
		t.Errorf("%q are shown, and the last one is %+v", began, last)
	}
	n, began, _ = played(n, nil, refusedJob(51, 1, "no class tiny"), refusedJob(52, 2, "no class huge"), refusedJob(53, 1, "no class huge"))
	if fmt.Sprint(began) != "[job-51 job-52]" {
		t.Errorf("shown besides: %q", began)
	}
	for i, want := range []int{1, 2, 1} {
		if n.Sent[i].Number != want {
			t.Errorf("the number of %s is %d, want %d", n.Sent[i].RunID, n.Sent[i].Number, want)
		}
	}
}

func TestOthersWaitForOneThatBegan(t *testing.T) {
	one, other := refusedJob(1, 1, "no"), refusedJob(2, 1, "no")
	n, sent, _ := fleet.Notices{}.Begin(one, "token", now)
	if sent == nil {
		t.Fatal("it does not begin")
	}
	for _, run := range []fleet.Run{one, other} {
		_, again, notice := n.Begin(run, "token", now.Add(59*time.Second))
		if again != nil || !notice.NextTry.Equal(now.Add(time.Minute)) {
			t.Errorf("%s begins as well: %+v", run.RunID, notice)
		}
	}
	n, taken, _ := n.Begin(other, "token", now.Add(time.Minute))
	if taken == nil || taken.RunID != "job-2" || taken.Tries != 2 || taken.Number != 1 {
		t.Errorf("nobody takes over from one that died: %+v", taken)
	}
	n, notice := n.End(*sent, status, nil, "token", now.Add(time.Minute)) // it was only slow
	if notice.As != status {
		t.Errorf("of the slow one: %+v", notice)
	}
	if _, notice = n.End(*taken, "", errors.New("down"), "token", now.Add(time.Minute)); notice.As != status || notice.Of != "job-1" {
		t.Errorf("what was shown is not shown any more: %+v", notice)
	}
}

func TestWhenARefusalIsTriedAgain(t *testing.T) {
	run := refusedJob(1, 1, "no")
	for name, c := range map[string]struct {
		failed error
		pause  time.Duration // 0 is never
		says   string
	}{
		"GitHub is down":                 {fleet.Errorf(fleet.GitHubUnavailable, "502"), time.Minute, "GitHub.Unavailable: 502"},
		"GitHub limits our rate":         {waits{fleet.GitHubRateLimited, 7 * time.Minute}, 7 * time.Minute, "GitHub.RateLimited: waits"},
		"the token is not accepted":      {fleet.Errorf(fleet.GitHubUnauthorized, "401"), time.Minute, "GitHub.Unauthorized: 401"},
		"the token may not":              {fleet.Errorf(fleet.GitHubNoAccess, "403"), 0, "GitHub.NoAccess: 403"},
		"the token does not see it":      {fleet.Errorf(fleet.GitHubNotFound, "404"), 0, "GitHub.NotFound: 404"},
		"GitHub has no such commit":      {fleet.Errorf(fleet.GitHubInvalid, "422"), 0, "GitHub.Invalid: 422"},
		"it says more than one can keep": {fleet.Errorf(fleet.GitHubInvalid, "%s", strings.Repeat("x", 999)), 0, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _, notice := played(fleet.Notices{}, c.failed, run)
			want := time.Time{}
			if c.pause > 0 {
				want = now.Add(c.pause)
			}
			if !notice.NextTry.Equal(want) || !strings.Contains(notice.Why, c.says) || len(notice.Why) > 310 {
				t.Errorf("%+v, want another try at %s", notice, want)
			}
			if c.pause == 0 {
				return
			}
			if _, sent, _ := n.Begin(run, "token", want); sent == nil || sent.Tries != 2 {
				t.Errorf("the second try is %+v", sent)
			}
			late := run
			late.Notice = &fleet.Notice{NextTry: want, Why: notice.Why}
			_, sent, notice := fleet.Notices{}.Begin(late, "token", now.Add(24*time.Hour+time.Second))
			if sent != nil || !notice.NextTry.IsZero() || !strings.Contains(notice.Why, c.says) || !strings.HasSuffix(notice.Why, "; given up after a day") {
				t.Errorf("after a day it is %+v, %+v", sent, notice)
			}
		})
	}
}

// waits is an error that says how long to wait.
type waits struct {
	name string
	wait time.Duration
}

func (w waits) Error() string       { return "waits" }
func (w waits) ErrorName() string   { return w.name }
func (w waits) Wait() time.Duration { return w.wait }

// One request an hour finds out whether a credential may show refusals in a repository.
func TestACredentialThatMayNot(t *testing.T) {
	n, _, first := played(fleet.Notices{}, fleet.Errorf(fleet.GitHubNoAccess, "403"), refusedJob(1, 1, "no"))
	for name, run := range map[string]fleet.Run{"the same matrix": refusedJob(2, 1, "no"), "another workflow run": refusedJob(3, 2, "no")} {
		if _, sent, notice := n.Begin(run, "token", now.Add(time.Hour-time.Second)); sent != nil || notice.Why != first.Why || !notice.NextTry.IsZero() {
			t.Errorf("%s: tries %+v, %+v", name, sent, notice)
		}
		if _, sent, _ := n.Begin(run, "another token", now); sent == nil {
			t.Errorf("%s: another token is not tried", name)
		}
	}
	n, sent, _ := n.Begin(refusedJob(3, 1, "no"), "token", now.Add(time.Hour))
	if sent == nil {
		t.Fatal("it is not tried after an hour")
	}
	n, _ = n.End(*sent, status, nil, "token", now.Add(time.Hour))
	if _, sent, _ = n.Begin(refusedJob(4, 3, "no"), "token", now.Add(time.Hour)); sent == nil {
		t.Error("now it may, and is not tried")
	}
}

func TestOneWorkflowRunHasItsShare(t *testing.T) {
	n := fleet.Notices{}
	for i := range 5 {
		n, _, _ = played(n, nil, refusedJob(int64(i+1), 1, fmt.Sprint(i)))
	}
	_, sent, notice := n.Begin(refusedJob(6, 1, "5"), "token", now)
	if sent != nil || notice.Why != "its workflow run has 5 refusals shown already" || !notice.NextTry.IsZero() {
		t.Errorf("the sixth: %+v, %+v", sent, notice)
	}
	if _, sent, _ = n.Begin(refusedJob(7, 2, "5"), "token", now); sent == nil {
		t.Error("another workflow run has none")
	}
}

func TestOneRepositoryHasItsShare(t *testing.T) {
	n, began, _ := fleet.Notices{}, []string(nil), fleet.Notice{}
	for i := range int64(60) {
		n, _, _ = played(n, nil, refusedJob(i+1, i+1, "no"))
	}
	n, began, notice := played(n, nil, refusedJob(61, 61, "no"))
	if len(began) > 0 || !notice.NextTry.Equal(now.Add(time.Hour)) {
		t.Errorf("%q: %+v", began, notice)
	}
	if _, sent, _ := n.Begin(refusedJob(61, 61, "no"), "token", now.Add(time.Hour)); sent == nil {
		t.Error("nor an hour later")
	}
}

// A matrix of many workflow runs does not make the record of a repository grow for ever.
func TestOldNoticesAreForgotten(t *testing.T) {
	n := fleet.Notices{}
	for i := range int64(1000) {
		at := now.Add(time.Duration(i) * 2 * time.Minute)
		run := refusedJob(i+1, i+1, "no")
		run.Times = fleet.Times{fleet.StageClosed: at}
		next, sent, _ := n.Begin(run, "token", at)
		if sent == nil {
			t.Fatalf("the refusal %d is not shown", i)
		}
		n, _ = next.End(*sent, status, nil, "token", at)
	}
	if len(n.Sent) > 201 {
		t.Errorf("%d are kept", len(n.Sent))
	}
	n, _, _ = n.Begin(refusedJob(1001, 1001, "no"), "token", now.Add(2000*time.Minute+3*24*time.Hour))
	if len(n.Sent) > 1 {
		t.Errorf("%d are kept of what is three days old", len(n.Sent))
	}
}

func TestReadNotices(t *testing.T) {
	for _, text := range []string{"", "nonsense", "[]"} {
		if n := fleet.ReadNotices(text); len(n.Sent) != 0 {
			t.Errorf("of %q: %+v", text, n)
		}
	}
}
