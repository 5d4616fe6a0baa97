package fleet

import (
	"strings"
	"time"
)

// Statuses and conclusions of a job, in GitHub's words.
const (
	JobQueued     = "queued"
	JobWaiting    = "waiting"
	JobPending    = "pending" // only in the REST API: held back by max-parallel or a concurrency group
	JobInProgress = "in_progress"
	JobCompleted  = "completed"

	ConclusionCancelled = "cancelled"
	ConclusionFailure   = "failure"
)

// Who sees a repository, in GitHub's words.
const (
	VisibilityPublic   = "public"
	VisibilityPrivate  = "private"
	VisibilityInternal = "internal" // the members of its enterprise
)

// Job is what the fleet knows of a GitHub Actions workflow job: the part of a
// workflow_job webhook that it uses, small enough for events and state data.
type Job struct {
	JobID          int64    `json:"job_id"`
	WorkflowRunID  int64    `json:"workflow_run_id"`
	RunAttempt     int      `json:"run_attempt,omitempty"`   // absent on older GitHub Enterprise Server
	Repository     string   `json:"repository"`              // owner/name
	RepositoryID   int64    `json:"repository_id,omitempty"` // only in webhooks
	Private        bool     `json:"private"`
	Visibility     string   `json:"visibility,omitempty"` // "" if GitHub did not say more than Private
	Name           string   `json:"job_name"`
	WorkflowName   string   `json:"workflow_name,omitempty"`
	HeadBranch     string   `json:"head_branch,omitempty"`
	HeadSHA        string   `json:"head_sha,omitempty"` // as CommitSHA returns it
	HTMLURL        string   `json:"html_url,omitempty"`
	Labels         []string `json:"labels"`
	Status         string   `json:"job_status"`
	Conclusion     string   `json:"conclusion,omitempty"`
	RunnerID       int64    `json:"github_runner_id,omitempty"`
	RunnerName     string   `json:"github_runner_name,omitempty"`
	InstallationID int64    `json:"installation_id,omitempty"`
	HookID         int64    `json:"hook_id,omitempty"` // of the webhook that reported it; AppHook of a GitHub App's
	// HookOfOrganization says that the webhook is the organization's.
	HookOfOrganization bool       `json:"hook_of_organization,omitempty"`
	CreatedAt          *time.Time `json:"created_at,omitempty"`
	StartedAt          *time.Time `json:"started_at,omitempty"` // set even while queued: only valid once in progress
	CompletedAt        *time.Time `json:"completed_at,omitempty"`
	Origin             Origin     `json:"-"` // asked for where a rule depends on it, and not kept
}

// Origin is where a job comes from, as its workflow run says. What is nil is not known.
type Origin struct {
	Event  *string
	Branch *string // or tag; "" if it is of none
	Fork   *bool   // its commit is of another repository
}

// branch is the branch or tag, nil if it is not known.
func (j Job) branch() *string {
	if j.HeadBranch != "" {
		return &j.HeadBranch
	}
	return j.Origin.Branch
}

// Owner is the part of the repository before the slash.
func (j Job) Owner() string {
	owner, _, _ := strings.Cut(j.Repository, "/")
	return owner
}

// IsOfAnother reports whether two jobs with one id are of different repositories.
// GitHub's ids are unique, so the webhook about the later job does not come from GitHub.
func (j Job) IsOfAnother(o Job) bool {
	return j.JobID == o.JobID && j.RepositoryID != 0 && o.RepositoryID != 0 && j.RepositoryID != o.RepositoryID
}

// LastTime is the newest of GitHub's times of the job, zero if there is none.
func (j Job) LastTime() (last time.Time) {
	for _, at := range []*time.Time{j.CreatedAt, j.StartedAt, j.CompletedAt} {
		if at != nil && at.After(last) {
			last = *at
		}
	}
	return last
}

// CommitSHA is the text if it is a commit's id in full, of SHA-1 or SHA-256, else "". It
// becomes a part of addresses.
func CommitSHA(text string) string {
	if len(text) != 40 && len(text) != 64 {
		return ""
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return text
}
