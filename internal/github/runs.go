package github

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// WorkflowRun is one run of a workflow: the jobs that one event started.
type WorkflowRun struct {
	ID         int64         `json:"id"`
	Name       string        `json:"name"` // of the workflow
	RunAttempt int           `json:"run_attempt"`
	Status     string        `json:"status"`
	Conclusion string        `json:"conclusion"` // "" until completed
	Event      string        `json:"event"`
	HeadBranch string        `json:"head_branch"`
	HTMLURL    string        `json:"html_url"`
	CreatedAt  time.Time     `json:"created_at"`
	UpdatedAt  time.Time     `json:"updated_at"`
	Repository RunRepository `json:"repository"`
	// HeadRepository has the commit. It is nil if it is a fork that was deleted.
	HeadRepository *RunRepository `json:"head_repository"`
}

// RunRepository is a repository as workflow runs name it.
type RunRepository struct {
	ID         int64  `json:"id"`
	Private    bool   `json:"private"`
	Visibility string `json:"visibility"` // not always there
}

// WorkflowRuns yields the runs with that status, newest first: queued,
// in_progress, waiting, pending, requested, completed or a conclusion; "" is all
// of them. Pages are asked for as they are needed, so a run whose status changes
// meanwhile may come twice or not at all. An error is the last thing it yields.
//
// A queued job can be in a run of any status but completed: the run is
// in_progress as soon as one of its jobs is.
func (c *Client) WorkflowRuns(ctx context.Context, repo Repository, status string) iter.Seq2[WorkflowRun, error] {
	query := url.Values{"per_page": {"100"}}
	if status != "" {
		query.Set("status", status)
	}
	type page struct {
		Runs []WorkflowRun `json:"workflow_runs"`
	}
	return list(ctx, c, repo.resource("/actions/runs?%s", query.Encode()), func(p page) []WorkflowRun { return p.Runs })
}

// RunJobs yields the jobs of a run's latest attempt. GitHub.NotFound means that
// there is no such run. An error is the last thing it yields.
func (c *Client) RunJobs(ctx context.Context, repo Repository, runID int64) iter.Seq2[Job, error] {
	type page struct {
		Jobs []Job `json:"jobs"`
	}
	return list(ctx, c, repo.resource("/actions/runs/%d/jobs?filter=latest&per_page=100", runID), func(p page) []Job { return p.Jobs })
}

// GetWorkflowRun returns one workflow run.
func (c *Client) GetWorkflowRun(ctx context.Context, repo Repository, id int64) (WorkflowRun, error) {
	at := repo.resource("/actions/runs/%d", id)
	var run WorkflowRun
	if _, err := c.do(ctx, http.MethodGet, at, nil, &run); err != nil {
		return WorkflowRun{}, err
	}
	if run.ID == 0 || run.Status == "" {
		return WorkflowRun{}, incomplete(http.MethodGet, at)
	}
	return run, nil
}

// RerunFailedJobs runs the jobs of a workflow run again that failed or were cancelled, and
// those that need them. It needs the permission Actions: write. GitHub.NoAccess says that the
// credential has it not, or that the workflow run goes on (cli/cli#9221). Repeated it would
// run them once more: ask for the workflow run's attempt first.
// https://docs.github.com/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run
func (c *Client) RerunFailedJobs(ctx context.Context, repo Repository, runID int64) error {
	at := repo.resource("/actions/runs/%d/rerun-failed-jobs", runID).writes("actions")
	_, err := c.do(ctx, http.MethodPost, at, nil, nil)
	return err
}
