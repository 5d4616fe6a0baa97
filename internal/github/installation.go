package github

import (
	"context"
	"net/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// IsInstallation reports whether an installation of a GitHub App, which a webhook names, is
// the fleet's own for a repository. Without an App of its own the fleet cannot know, and
// takes every one. It fails with GitHub.NotFound where GitHub shows none of the fleet's own: one
// may have been installed a moment ago, or GitHub may err.
func (f ForFleet) IsInstallation(ctx context.Context, repository string, id int64) (bool, error) {
	apps, ok := f.Client.credential.(*appTokens)
	if !ok {
		return true, nil
	}
	repo := parse(repository)
	return apps.serves(ctx, Want{Owner: repo.Owner, Repository: repo.Name}, id)
}

func (a *appTokens) serves(ctx context.Context, want Want, id int64) (bool, error) {
	var missing error
	others := 0
	for i := range a.List {
		installation, known, err := a.installation(ctx, i, want)
		if known && installation != id {
			a.forget(i, want) // it may have been installed again since
			installation, _, err = a.installation(ctx, i, want)
		}
		switch {
		case fleet.IsNamed(err, fleet.GitHubNotFound):
			missing = err
		case err != nil:
			return false, err
		case installation == id:
			return true, nil
		default:
			others++
		}
	}
	if others > 0 {
		return false, nil
	}
	return false, missing
}

// Granted returns the permissions that the installation of the client's App for a repository
// has, as "actions": "read". They are nil for another credential, and where a token serves
// the repository. https://docs.github.com/rest/apps/apps#get-a-repository-installation-for-the-authenticated-app
func (c *Client) Granted(ctx context.Context, repo Repository) (map[string]string, error) {
	apps, ok := c.credential.(*appTokens)
	if !ok {
		return nil, nil
	}
	var missing error
	for _, i := range apps.order(Want{Owner: repo.Owner, Repository: repo.Name}) {
		found := struct {
			Permissions map[string]string `json:"permissions"`
		}{map[string]string{}}
		_, err := apps.ask(ctx, i, http.MethodGet, repo.resource("/installation"), nil, &found)
		if !fleet.IsNamed(err, NotFound) {
			return found.Permissions, err
		}
		missing = err
	}
	if apps.PAT != nil {
		return nil, nil
	}
	return nil, missing
}

// ofAnother reports of deliveries of the App's webhook whether they are of another owner's
// installation. It looks that of the owner up once; where GitHub does not say which it is,
// every delivery is the owner's.
func (c *Client) ofAnother(ctx context.Context, owner string) func(Delivery) bool {
	apps, ok := c.credential.(*appTokens)
	if !ok {
		return func(Delivery) bool { return false }
	}
	installation, _, err := apps.installation(ctx, 0, Want{Owner: owner})
	return func(d Delivery) bool { return err == nil && d.InstallationID != 0 && d.InstallationID != installation }
}
