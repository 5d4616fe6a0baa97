package github

import (
	"context"
	"net/http"
	"net/url"
)

// GitHub's limit for the summary of a check run, in characters. It refuses what is longer
// (422).
const maxCheckSummary = 65535

// Of a check run that is over, because of what the developer has to change.
const (
	CheckCompleted = "completed"
	CheckFailure   = "failure"
)

// CheckRun is one check run of a commit. A later one of the same name is shown beside it.
type CheckRun struct {
	Name       string      `json:"name"`
	HeadSHA    string      `json:"head_sha"`
	DetailsURL string      `json:"details_url,omitempty"` // http or https
	ExternalID string      `json:"external_id"`           // the creator's own
	Status     string      `json:"status"`
	Conclusion string      `json:"conclusion"`
	Output     CheckOutput `json:"output"`
}

// CheckOutput is what a check run says: a title in plain text, and a summary in Markdown.
type CheckOutput struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
}

// CreateCheckRun adds a check run to a commit. GitHub takes it from an App with the
// permission Checks: write, and answers GitHub.NoAccess or GitHub.NotFound to every other
// credential. For a commit that the repository does not have it is GitHub.Invalid. Repeated
// it adds the same once more: HasCheckRun finds it.
// https://docs.github.com/rest/checks/runs#create-a-check-run
func (c *Client) CreateCheckRun(ctx context.Context, repo Repository, check CheckRun) error {
	at := repo.resource("/check-runs").writes("checks")
	var made struct {
		ID int64 `json:"id"`
	}
	if _, err := c.do(ctx, http.MethodPost, at, check, &made); err != nil {
		return err
	}
	if made.ID == 0 {
		return incomplete(http.MethodPost, at)
	}
	return nil
}

// HasCheckRun reports whether a commit has a check run with a name and an external id. It
// asks with the token that writes check runs: others may not read them.
// https://docs.github.com/rest/checks/runs#list-check-runs-for-a-git-reference
func (c *Client) HasCheckRun(ctx context.Context, repo Repository, sha, name, externalID string) (bool, error) {
	query := url.Values{"check_name": {name}, "filter": {"all"}, "per_page": {"100"}}
	at := repo.resource("/commits/%s/check-runs?%s", sha, query.Encode()).writes("checks")
	type page struct {
		Checks []CheckRun `json:"check_runs"`
	}
	for check, err := range list(ctx, c, at, func(p page) []CheckRun { return p.Checks }) {
		if err != nil {
			return false, err
		}
		if check.Name == name && check.ExternalID == externalID {
			return true, nil
		}
	}
	return false, nil
}
