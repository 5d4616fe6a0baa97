package github

import (
	"context"
	"net/http"
)

// GitHub's limits for a commit status, in characters. It refuses what is longer (422).
const (
	maxStatusDescription = 140
	maxStatusContext     = 255
)

// StatusFailure is the state of a commit status for what the developer has to change.
// GitHub means another one, error, for a service that failed itself.
const StatusFailure = "failure"

// CommitStatus is one status of a commit. A later one of the same context is shown in
// place of it.
type CommitStatus struct {
	State       string `json:"state"`
	TargetURL   string `json:"target_url,omitempty"` // http or https
	Description string `json:"description"`          // at most 140 characters
	Context     string `json:"context"`              // at most 255 characters
}

// CreateStatus adds a status to a commit. It needs the permission Commit statuses: write;
// without it GitHub answers GitHub.NoAccess or GitHub.NotFound. For a commit that the
// repository does not have it is GitHub.Invalid. Repeated it adds the same once more.
// https://docs.github.com/rest/commits/statuses#create-a-commit-status
func (c *Client) CreateStatus(ctx context.Context, repo Repository, sha string, status CommitStatus) error {
	at := repo.resource("/statuses/%s", sha).writes("statuses")
	var made struct {
		ID int64 `json:"id"`
	}
	if _, err := c.do(ctx, http.MethodPost, at, status, &made); err != nil {
		return err
	}
	if made.ID == 0 {
		return incomplete(http.MethodPost, at)
	}
	return nil
}
