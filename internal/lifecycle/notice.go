package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Notices is how refusals are shown to developers.
type Notices struct {
	GitHub  NoticeBoard
	Cursors SwapCursors
	URL     string // of the page that says more; "" is the board's own
}

// NoticeBoard is where a developer sees a refusal: a check run or a status of the job's
// commit.
type NoticeBoard interface {
	// ShowRefusal shows a refusal, and returns as what. Asked again it may show it once more.
	// It fails with GitHub.NoAccess or GitHub.NotFound if the credential may not.
	ShowRefusal(ctx context.Context, r fleet.Refusal) (as string, err error)
	Budget(ctx context.Context, repository string, now time.Time) (fleet.Budget, error)
}

// SwapCursors are cursors that several processes change.
type SwapCursors interface {
	CursorReader
	// SwapCursor fails with Records.Conflict if the cursor is no longer what was read.
	SwapCursor(ctx context.Context, name, was, value string) error
}

// notSpare is how long a refusal waits while what is left of GitHub's limit is kept for
// claims.
const notSpare = time.Minute

// noCredential is how long a refusal waits for a credential for its repository, so that
// those of other repositories come first.
const noCredential = 10 * time.Minute

// ShowRefusal shows the refusal of a run's job to its developer if it is to be shown now,
// and notes on the run what came of it. It may be repeated, also if it died in between; in
// that case alone a refusal may be shown twice. An error says that other refusals would
// meet it as well.
func (f Fleet) ShowRefusal(ctx context.Context, n Notices, runID string) error {
	run, known, err := f.Records.Run(ctx, runID)
	switch {
	case err != nil:
		return err
	case !known || n.GitHub == nil || !run.Notice.Due(f.Now()):
		return nil
	case run.RanOn != "" && run.Status != fleet.RunRefused || run.Status == fleet.RunCompleted:
		return f.noticed(ctx, runID, fleet.Notice{Why: "its job ran after all"})
	}
	budget, err := n.GitHub.Budget(ctx, run.Job.Repository, f.Now())
	if err != nil {
		later := f.noticed(ctx, runID, run.NoticeLater(err.Error(), noCredential, f.Now()))
		if later != nil || fleet.IsNamed(err, fleet.GitHubNoAccess, fleet.GitHubNotFound) {
			return later // it is this repository's alone
		}
		return err
	}
	spare, err := f.Spare(ctx, budget)
	if err != nil {
		return err
	}
	if !spare {
		return f.noticed(ctx, runID, fleet.Notice{NextTry: f.Now().UTC().Add(notSpare), Why: "what is left of GitHub's limit is kept for claims"})
	}
	var sent *fleet.SentNotice
	var notice fleet.Notice
	err = f.changeCursor(ctx, n.Cursors, fleet.NoticesCursor(run.Job.Repository), func(was string) any {
		var next fleet.Notices
		next, sent, notice = fleet.ReadNotices(was).Begin(run, budget.Credential, f.Now())
		if sent == nil {
			return nil
		}
		return next
	})
	switch {
	case err != nil:
		return err
	case sent == nil:
		return f.noticed(ctx, runID, notice)
	}
	as, failed := f.show(ctx, n, run, *sent, budget.Credential)
	err = f.changeCursor(ctx, n.Cursors, fleet.NoticesCursor(run.Job.Repository), func(was string) any {
		var next fleet.Notices
		next, notice = fleet.ReadNotices(was).End(*sent, as, failed, budget.Credential, f.Now())
		return next
	})
	if err != nil {
		return err
	}
	if err := f.noticed(ctx, runID, notice); err != nil || notice.NextTry.IsZero() {
		return err
	}
	return failed
}

// show asks GitHub, if the pace of what the credential makes there leaves room.
func (f Fleet) show(ctx context.Context, n Notices, run fleet.Run, sent fleet.SentNotice, credential string) (as string, err error) {
	var free time.Time
	var statusOnly bool
	err = f.changeCursor(ctx, n.Cursors, fleet.ContentPaceCursor(credential), func(was string) any {
		var next fleet.ContentPace
		next, free = fleet.ReadContentPace(was).Take(f.Now())
		statusOnly = next.NoChecks.After(f.Now())
		if !free.IsZero() {
			return nil
		}
		return next
	})
	switch {
	case err != nil:
		return "", err
	case !free.IsZero():
		return "", tooFast{free.Sub(f.Now())}
	}
	as, err = n.GitHub.ShowRefusal(ctx, fleet.Refusal{
		FleetName: f.Name, Repository: run.Job.Repository, SHA: run.Job.HeadSHA, Workflow: run.Job.WorkflowName,
		Number: sent.Number, Rule: run.Notice.Rule, Reason: run.Notice.Reason, URL: n.URL,
		ID: sent.ID(f.Name), Again: sent.Tries > 1, StatusOnly: statusOnly,
	})
	if err == nil && as == fleet.AsStatus && !statusOnly {
		f.withoutChecks(ctx, n, credential)
	}
	return as, err
}

// withoutChecks notes that a credential may write no check runs. What it cannot note is
// found out again.
func (f Fleet) withoutChecks(ctx context.Context, n Notices, credential string) {
	err := f.changeCursor(ctx, n.Cursors, fleet.ContentPaceCursor(credential), func(was string) any {
		return fleet.ReadContentPace(was).WithoutChecks(f.Now())
	})
	if err != nil {
		f.Log.WarnContext(ctx, "leaving it to the next refusal to find out that the credential may write no check runs", "error", err.Error())
	}
}

// tooFast is that the fleet keeps to half of what GitHub lets a credential make.
type tooFast struct{ wait time.Duration }

func (t tooFast) Error() string {
	return fmt.Sprintf("the fleet has shown as many refusals as it may; the next one is in %s", t.wait.Round(time.Second))
}
func (t tooFast) ErrorName() string   { return fleet.GitHubRateLimited }
func (t tooFast) Wait() time.Duration { return t.wait }

// noticed notes on a run how its refusal is shown.
func (f Fleet) noticed(ctx context.Context, runID string, notice fleet.Notice) error {
	_, _, err := f.changeRun(ctx, runID, func(run fleet.Run, known bool) (fleet.Run, bool) {
		if !known {
			return run, false
		}
		return run.Noticed(notice)
	})
	return err
}

// changeCursor reads a cursor, lets decide change its value, and writes that as JSON; nil
// leaves it.
func (f Fleet) changeCursor(ctx context.Context, cursors SwapCursors, name string, decide func(was string) any) error {
	pause := firstPause
	for round := 1; ; round++ {
		was, err := cursors.Cursor(ctx, name)
		if err != nil {
			return err
		}
		next := decide(was)
		if next == nil {
			return nil
		}
		value, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if string(value) == was {
			return nil
		}
		err = cursors.SwapCursor(ctx, name, was, string(value))
		if err == nil || round == conflicts || !fleet.IsNamed(err, fleet.RecordsConflict) {
			return err
		}
		if err := f.backOff(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}
