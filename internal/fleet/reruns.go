package fleet

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// What is remembered of a repository's re-runs. GitHub runs nothing again that is older than
// a month. https://docs.github.com/actions/managing-workflow-runs/re-running-workflows-and-jobs
const (
	rerunsKept    = 1000
	rerunsKeptFor = 35 * 24 * time.Hour
)

// rerunLease is how long one that asks for a re-run has for it: longer than any function
// runs, so that none asks after another has taken over.
const rerunLease = 5 * time.Minute

// rerunAsked is how long a re-run is asked for that GitHub does not answer.
const rerunAsked = 24 * time.Hour

// Reruns are those of one repository: what the fleet has asked GitHub to run again. It asks
// once for each workflow run, whatever the attempt.
type Reruns struct {
	Asked []AskedRerun `json:"asked,omitempty"`
}

// AskedRerun is one of them.
type AskedRerun struct {
	WorkflowRunID int64     `json:"workflow_run_id"`
	Attempt       int       `json:"attempt"` // whose failed jobs it is about
	At            time.Time `json:"at"`      // of the first try
	Tries         int       `json:"tries"`
	Until         time.Time `json:"until,omitzero"` // when it may be tried again; zero once it is settled
	Why           string    `json:"why,omitempty"`  // why it was not done, or not yet
}

// RerunsCursor is the cursor that keeps those of a repository.
func RerunsCursor(repository string) string { return "reruns/" + RepositoryKey(repository) }

// ReadReruns reads what a cursor keeps. One that cannot be read has none.
func ReadReruns(cursor string) (r Reruns) {
	if json.Unmarshal([]byte(cursor), &r) != nil {
		return Reruns{}
	}
	return r
}

// Begin says what to do about a run whose job Spot interrupted, given the latest attempt of
// its workflow run. If asked is not nil, the caller is to ask GitHub once what Begin
// returned is kept, and to call End after. Else the rerun is that of the run.
func (r Reruns) Begin(run Run, latest int, now time.Time) (_ Reruns, asked *AskedRerun, rerun Rerun) {
	r.Asked = slices.DeleteFunc(slices.Clone(r.Asked), func(a AskedRerun) bool { return now.Sub(a.At) > rerunsKeptFor })
	r.Asked = r.Asked[max(0, len(r.Asked)-rerunsKept):]
	at := r.of(run.Job.WorkflowRunID)
	switch {
	case at >= 0 && r.Asked[at].Attempt != run.Attempt():
		return r, nil, Rerun{Why: "the fleet has had its workflow run run again once already"}
	case at >= 0 && latest > run.Attempt() && !r.Asked[at].Until.IsZero():
		// GitHub's answer was lost, and it has done what it was asked for.
		r.Asked[at].Until, r.Asked[at].Why = time.Time{}, ""
		return r, nil, r.Asked[at].rerun()
	case at >= 0 && (r.Asked[at].Until.IsZero() || r.Asked[at].Until.After(now)):
		return r, nil, r.Asked[at].rerun()
	case latest > run.Attempt():
		return r, nil, Rerun{Why: "its workflow run was run again already"}
	case at < 0:
		r.Asked = append(r.Asked, AskedRerun{WorkflowRunID: run.Job.WorkflowRunID, Attempt: run.Attempt(), At: now.UTC()})
		at = len(r.Asked) - 1
	}
	a := &r.Asked[at]
	a.Until = now.UTC().Add(rerunLease)
	a.Tries++
	begun := *a
	return r, &begun, Rerun{}
}

// Unsettled reports whether it is not known what became of the re-run of a workflow run.
func (r Reruns) Unsettled(workflowRun int64) bool {
	at := r.of(workflowRun)
	return at >= 0 && !r.Asked[at].Until.IsZero()
}

func (r Reruns) of(workflowRun int64) int {
	return slices.IndexFunc(r.Asked, func(a AskedRerun) bool { return a.WorkflowRunID == workflowRun })
}

// rerun is that of a run whose workflow run it is about.
func (a AskedRerun) rerun() Rerun {
	switch {
	case !a.Until.IsZero():
		return Rerun{NextTry: a.Until, Why: cmp.Or(a.Why, "GitHub is being asked for it")}
	case a.Why != "":
		return Rerun{Why: a.Why}
	}
	return Rerun{At: a.At}
}

// End notes what became of a try: failed is nil once GitHub runs the jobs again. The rerun is
// that of the run.
func (r Reruns) End(begun AskedRerun, failed error, now time.Time) (Reruns, Rerun) {
	r.Asked = slices.Clone(r.Asked)
	at := r.of(begun.WorkflowRunID)
	if at < 0 { // it took so long that it was forgotten
		r.Asked, at = append(r.Asked, begun), len(r.Asked)
	}
	a := &r.Asked[at]
	if a.Until.IsZero() {
		return r, a.rerun()
	}
	a.Why, a.Until = "", time.Time{}
	switch {
	case failed == nil:
	case IsNamed(failed, GitHubNoAccess, GitHubNotFound, GitHubInvalid, GitHubConflict):
		a.Why = noticeFailure(failed)
	case now.Sub(a.At) > rerunAsked:
		a.Why = noticeFailure(failed) + "; given up after a day"
	default:
		a.Why = noticeFailure(failed)
		a.Until = now.UTC().Add(max(noticePauses[min(max(begun.Tries, 1), len(noticePauses))-1], RetryAfter(failed)))
	}
	return r, a.rerun()
}
