package fleet

import "time"

// RefusalStatus says in which repositories a job's refusal is shown on GitHub, as a failed
// status or check run of its commit. Those of public repositories may be read by everybody.
type RefusalStatus string

const (
	RefusalStatusPrivate RefusalStatus = "private" // the default
	RefusalStatusAlways  RefusalStatus = "always"
	RefusalStatusNever   RefusalStatus = "never"
)

// Refusal is what the developer of a refused job is shown.
type Refusal struct {
	FleetName  string
	Repository string // owner/name
	SHA        string // of the job's head commit
	Workflow   string
	Number     int // among the refusals of its workflow run, from 1
	Rule       string
	Reason     string
	URL        string // of a page that says more
	ID         string // the same for each try, and for no other refusal
	Again      bool   // an earlier try may have shown it
	StatusOnly bool   // the credential may write no check runs, as was found out lately
}

// What a refusal is shown as.
const (
	AsStatus   = "a failed commit status"
	AsCheckRun = "a failed check run"
)

// NoticeList is the WaitList of runs whose refusal is to be shown.
const NoticeList = "notices"

// Notice is how the refusal of a run's job is shown to its developer.
type Notice struct {
	// NextTry is when it is to be shown; zero once that is settled.
	NextTry time.Time `json:"next_try_at,omitzero"`
	// Rule and Reason are what is to be shown: the run's own are others once GitHub has ended
	// the job.
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
	// As is what it was shown as, "" if it was not.
	As string `json:"as,omitempty"`
	// Of is the run for which it was shown: one notice serves all jobs of a workflow run that
	// are refused for the same reason.
	Of  string `json:"of,omitempty"`
	Why string `json:"why,omitempty"` // why it is not shown, or not yet
}

// Due reports whether the refusal is to be shown now.
func (n *Notice) Due(now time.Time) bool {
	return n != nil && !n.NextTry.IsZero() && !n.NextTry.After(now)
}

// String says how it is shown, "" if it is not to be.
func (n *Notice) String() string {
	switch {
	case n == nil:
		return ""
	case n.As != "":
		return "shown to its developer as " + n.As
	case n.NextTry.IsZero():
		return "could not be shown: " + n.Why
	case n.Why == "":
		return "is to be shown to its developer"
	}
	return "is to be shown to its developer; not yet: " + n.Why
}

// notice is that of a run whose job was just refused, nil if its developer is shown nothing.
func (s RefusalStatus) notice(run Run, now time.Time) *Notice {
	switch job := run.Job; {
	case s == RefusalStatusNever:
		return nil
	case !job.Private && s != RefusalStatusAlways:
		return &Notice{Why: "its repository is public, and refusal_status is not always"}
	case job.HeadSHA == "" || job.WorkflowRunID == 0:
		return &Notice{Why: "its commit is not known"}
	}
	return &Notice{NextTry: now.UTC(), Rule: run.Rule, Reason: run.Reason}
}

// Noticed settles how the refusal is shown, or when that is tried again. What was settled
// before stays.
func (r Run) Noticed(n Notice) (_ Run, changed bool) {
	if r.Notice == nil || r.Notice.NextTry.IsZero() {
		return r, false
	}
	if !n.NextTry.IsZero() {
		n.Rule, n.Reason = r.Notice.Rule, r.Notice.Reason
	}
	r.Notice = &n
	return r, true
}

// NoticeLater is the notice of a run whose refusal cannot be shown now: it is tried again
// after a while, for a day.
func (r Run) NoticeLater(why string, after time.Duration, now time.Time) Notice {
	if now.Sub(r.At(StageClosed)) > noticeFor {
		return Notice{Why: why + "; given up after a day"}
	}
	return Notice{NextTry: now.UTC().Add(after), Why: why}
}
