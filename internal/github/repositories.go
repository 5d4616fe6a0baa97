package github

import (
	"context"
	"net/http"
)

// RepositoryInfo is what GitHub shows of a repository.
type RepositoryInfo struct {
	ID         int64  `json:"id"`
	FullName   string `json:"full_name"` // owner/name, now: a former name leads here too
	Private    bool   `json:"private"`   // also true of an internal one
	Visibility string `json:"visibility"`
	Archived   bool   `json:"archived"`
	Disabled   bool   `json:"disabled"`
	// Permissions are those of the token's user, nil if GitHub shows none. A token may have
	// fewer.
	Permissions *struct {
		Admin bool `json:"admin"`
	} `json:"permissions"`
}

// GetRepository returns a repository. GitHub.NotFound means that there is none of the name,
// or that the credential may not see it.
func (c *Client) GetRepository(ctx context.Context, repo Repository) (RepositoryInfo, error) {
	at := repo.resource("")
	var info RepositoryInfo
	if _, err := c.do(ctx, http.MethodGet, at, nil, &info); err != nil {
		return RepositoryInfo{}, err
	}
	if info.ID == 0 || info.FullName == "" {
		return RepositoryInfo{}, incomplete(http.MethodGet, at)
	}
	return info, nil
}

// MayListRunners asks for a runner of a repository or organization: the error says why the
// credential may not list them, nil that it may. It changes nothing.
func (c *Client) MayListRunners(ctx context.Context, at Place) error {
	_, err := c.do(ctx, http.MethodGet, at.resource("/actions/runners?per_page=1"), nil, nil)
	return err
}

// MayListRuns is MayListRunners for the workflow runs.
func (c *Client) MayListRuns(ctx context.Context, repo Repository) error {
	_, err := c.do(ctx, http.MethodGet, repo.resource("/actions/runs?per_page=1"), nil, nil)
	return err
}

// NewestRepository returns the repository of an organization that was pushed to last; found
// is false if GitHub shows none.
func (c *Client) NewestRepository(ctx context.Context, org Organization) (repo Repository, found bool, err error) {
	at := org.resource("/repos?sort=pushed&direction=desc&per_page=1")
	at.want.Repositories = true
	var listed []listedRepository
	if _, err := c.do(ctx, http.MethodGet, at, nil, &listed); err != nil || len(listed) == 0 {
		return Repository{}, false, err
	}
	return parse(listed[0].FullName), true, nil
}
