package githubapi

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// ParseApps reads a list of GitHub Apps, as the deployment writes it.
func ParseApps(text string) (apps []deployment.GitHubApp, err error) {
	if err := json.Unmarshal([]byte(text), &apps); err != nil {
		return nil, errors.New("is not the JSON list of GitHub Apps that the deployment writes")
	}
	if len(apps) == 0 {
		return nil, errors.New("names no GitHub App")
	}
	return apps, nil
}

// Credential is that of a fleet on AWS: its GitHub Apps, and a token for owners without
// them unless that is nil. organization says that runners are registered in one. open gives
// the secret of an ARN or a name.
func Credential(apps []deployment.GitHubApp, pat *secrets.Secret, organization bool, open func(id string) *secrets.Secret) github.Credential {
	if len(apps) == 0 {
		return github.StoredPAT{Secret: pat}
	}
	all := github.Apps{Organization: organization, Now: time.Now}
	if pat != nil {
		all.PAT = github.StoredPAT{Secret: pat}
	}
	for _, app := range apps {
		keys := storedKeys{open(app.Key)}
		if app.PreviousKey != "" {
			keys = append(keys, open(app.PreviousKey))
		}
		all.List = append(all.List, github.App{ID: app.ID, Keys: keys})
	}
	return all
}

// storedKeys are the secrets of one App's private keys. A secret whose value was replaced
// gives the one before, too, for a day.
type storedKeys []*secrets.Secret

func (k storedKeys) Values(ctx context.Context) (all []string, err error) {
	for _, secret := range k {
		values, err := secret.Values(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

func (k storedKeys) Refresh(ctx context.Context) (changed bool, err error) {
	for _, secret := range k {
		one, failed := secret.Refresh(ctx)
		changed, err = changed || one, errors.Join(err, failed)
	}
	return changed, err
}
