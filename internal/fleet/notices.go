package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// noticeFor is how long a refusal is tried to be shown: GitHub gives a queued job up
// after that.
const noticeFor = 24 * time.Hour

// Limits of what one workflow run, and one repository, may have shown, so that the others'
// share of GitHub's limits stays.
const (
	mostNoticesOfRun  = 5
	mostNoticesAnHour = 60 // of one repository
)

// What is remembered of a repository's notices.
const (
	noticesKept    = 200
	noticesKeptFor = 3 * 24 * time.Hour
)

// noticeLease is how long one that shows a refusal has for it. If it dies, another does it
// after that.
const noticeLease = time.Minute

// noAccessFor is how long the credential is not tried again in a repository where it may
// not show anything.
const noAccessFor = time.Hour

// noticePauses are those after tries that GitHub did not answer.
var noticePauses = minutes(1, 2, 5, 10, 30)

// Notices are those of one repository: which refusals were shown, or are being shown.
type Notices struct {
	Sent []SentNotice `json:"sent,omitempty"`
	// NoAccess is why the credential may show nothing there, until Until.
	NoAccess   string    `json:"no_access,omitempty"`
	Credential string    `json:"credential,omitempty"` // its name
	Until      time.Time `json:"until,omitzero"`
}

// SentNotice is one of them: of a workflow run, for one reason.
type SentNotice struct {
	WorkflowRunID int64     `json:"workflow_run_id"`
	Reason        string    `json:"reason"` // a hash of rule and reason
	Number        int       `json:"number"` // among those of the workflow run, from 1
	RunID         string    `json:"run_id"`
	At            time.Time `json:"at"` // of its first try
	Tries         int       `json:"tries"`
	Until         time.Time `json:"until,omitzero"` // when it may be tried again; zero once it is settled
	As            string    `json:"as,omitempty"`
	Why           string    `json:"why,omitempty"`
}

// NoticesCursor is the cursor that keeps those of a repository.
func NoticesCursor(repository string) string { return "notices/" + RepositoryKey(repository) }

// ReadNotices reads what a cursor keeps. One that cannot be read has none.
func ReadNotices(cursor string) (n Notices) {
	if json.Unmarshal([]byte(cursor), &n) != nil {
		return Notices{}
	}
	return n
}

// Begin says what to do about the refusal of a run, which is to be shown. If sent is not nil, the caller is to show it once
// what Begin returned is kept, and to call End after. Else the notice is that of the run.
func (n Notices) Begin(run Run, credential string, now time.Time) (_ Notices, sent *SentNotice, notice Notice) {
	reason := contentHash(run.Notice.Rule, run.Notice.Reason)[:16]
	n.Sent = n.remembered(now)
	ofRun := 0
	at := -1
	for i, s := range n.Sent {
		if s.WorkflowRunID != run.Job.WorkflowRunID {
			continue
		}
		if ofRun = max(ofRun, s.Number); s.Reason == reason {
			at = i
		}
	}
	switch {
	case at >= 0 && (n.Sent[at].Until.IsZero() || n.Sent[at].Until.After(now)):
		return n, nil, n.Sent[at].notice()
	case now.Sub(run.At(StageClosed)) > noticeFor:
		return n, nil, Notice{Why: run.Notice.Why + "; given up after a day"}
	case n.NoAccess != "" && n.Credential == credential && n.Until.After(now):
		return n, nil, Notice{Why: n.NoAccess}
	case at < 0 && ofRun >= mostNoticesOfRun:
		return n, nil, Notice{Why: fmt.Sprintf("its workflow run has %d refusals shown already", ofRun)}
	case at < 0:
		if free := n.free(now); free.After(now) {
			return n, nil, Notice{NextTry: free, Why: fmt.Sprintf("its repository has had %d refusals shown within an hour", mostNoticesAnHour)}
		}
		n.Sent = append(n.Sent, SentNotice{WorkflowRunID: run.Job.WorkflowRunID, Reason: reason, Number: ofRun + 1, At: now.UTC()})
		at = len(n.Sent) - 1
	}
	s := &n.Sent[at]
	s.RunID, s.Until = run.RunID, now.UTC().Add(noticeLease)
	s.Tries++
	begun := *s
	return n, &begun, Notice{}
}

// remembered are those that are not too old, the newest of them. The caller may change them.
func (n Notices) remembered(now time.Time) []SentNotice {
	kept := slices.DeleteFunc(slices.Clone(n.Sent), func(s SentNotice) bool { return now.Sub(s.At) > noticesKeptFor })
	return kept[max(0, len(kept)-noticesKept):]
}

// free is when the repository may have another refusal shown.
func (n Notices) free(now time.Time) time.Time {
	within := 0
	for _, s := range slices.Backward(n.Sent) {
		if now.Sub(s.At) >= time.Hour {
			break
		}
		if within++; within == mostNoticesAnHour {
			return s.At.Add(time.Hour)
		}
	}
	return now
}

// ID names the refusal among all of a commit.
func (s SentNotice) ID(fleetName string) string {
	return fmt.Sprintf("%s/%d/%s", fleetName, s.WorkflowRunID, s.Reason)
}

// notice is that of a run that was refused for the same reason.
func (s SentNotice) notice() Notice {
	return Notice{NextTry: s.Until, As: s.As, Of: s.RunID, Why: s.Why}
}

// End notes what became of a try: what the refusal was shown as, or the error. credential
// is that which was used. The notice is that of the run.
func (n Notices) End(begun SentNotice, as string, failed error, credential string, now time.Time) (Notices, Notice) {
	n.Sent = slices.Clone(n.Sent)
	at := slices.IndexFunc(n.Sent, func(s SentNotice) bool {
		return s.WorkflowRunID == begun.WorkflowRunID && s.Reason == begun.Reason
	})
	if at < 0 { // it took so long that it was forgotten
		n.Sent, at = append(n.Sent, begun), len(n.Sent)
	}
	s := &n.Sent[at]
	if s.As != "" {
		return n, s.notice()
	}
	s.Why = ""
	switch {
	case failed == nil:
		s.As, s.RunID, s.Until = as, begun.RunID, time.Time{}
		n.NoAccess, n.Credential, n.Until = "", "", time.Time{}
		return n, s.notice()
	case IsNamed(failed, GitHubNoAccess, GitHubNotFound):
		n.NoAccess, n.Credential, n.Until = noticeFailure(failed), credential, now.UTC().Add(noAccessFor)
		n.Sent = slices.Delete(n.Sent, at, at+1) // a later run of the workflow may have better luck
		return n, Notice{Why: n.NoAccess}
	case IsNamed(failed, GitHubInvalid, GitHubConflict):
		s.Why, s.Until = noticeFailure(failed), time.Time{}
		return n, Notice{Why: s.Why}
	}
	pause := max(noticePauses[min(max(begun.Tries, 1), len(noticePauses))-1], RetryAfter(failed))
	s.Why, s.Until = noticeFailure(failed), now.UTC().Add(pause)
	return n, Notice{NextTry: s.Until, Why: s.Why}
}

// mostOfNoticeFailure bounds what GitHub says, which records keep.
const mostOfNoticeFailure = 300

func noticeFailure(err error) string {
	return Clip(ErrorName(err)+": "+err.Error(), mostOfNoticeFailure)
}
