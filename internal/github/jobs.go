package github

import (
	"context"
	"net/http"
	"time"
)

// Job is a workflow job as the REST API describes it. What GitHub gives as null
// is the zero value here.
type Job struct {
	ID           int64  `json:"id"`
	RunID        int64  `json:"run_id"`
	RunAttempt   int    `json:"run_attempt"`
	Name         string `json:"name"`
	WorkflowName string `json:"workflow_name"`
	HeadBranch   string `json:"head_branch"`
	HeadSHA      string `json:"head_sha"`
	HTMLURL      string `json:"html_url"`

	Status     string   `json:"status"`     // queued, waiting, in_progress, completed, requested or pending
	Conclusion string   `json:"conclusion"` // "" until completed
	Labels     []string `json:"labels"`     // runs-on as it was written

	// A job that no runner took has no runner, or one with ID 0 and no name.
	RunnerID        int64  `json:"runner_id"`
	RunnerName      string `json:"runner_name"`
	RunnerGroupID   int64  `json:"runner_group_id"`
	RunnerGroupName string `json:"runner_group_name"`

	CreatedAt   time.Time `json:"created_at"`
	StartedAt   time.Time `json:"started_at"` // set while still queued, too
	CompletedAt time.Time `json:"completed_at"`
}

// GetJob returns a job, or GitHub.NotFound. Every attempt of a job has its own
// id.
func (c *Client) GetJob(ctx context.Context, repo Repository, id int64) (Job, error) {
	at := repo.resource("/actions/jobs/%d", id)
	var job Job
	if _, err := c.do(ctx, http.MethodGet, at, nil, &job); err != nil {
		return Job{}, err
	}
	if job.ID == 0 || job.Status == "" {
		return Job{}, incomplete(http.MethodGet, at)
	}
	return job, nil
}
