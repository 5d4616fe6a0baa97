// Package githubapi gives a Lambda function the client of GitHub's API, with the token
// from Secrets Manager.
//
// Functions share the rest of GitHub's limits through the table: all of them spend from
// the same limits.
package githubapi

import (
	"context"
	"os"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// timeout bounds one request to GitHub. A function has time for two.
const timeout = 15 * time.Second

// cursors is the part of the table through which functions share the rest of the
// limits.
type cursors interface {
	Cursor(ctx context.Context, name string) (string, error)
	PutCursor(ctx context.Context, name, value string) error
}

// Of is the client, for a function that has the table.
func Of(f *function.Function, shared cursors) github.ForFleet {
	url := f.Env(deployment.EnvGitHubURL)
	base, err := github.APIBase(url)
	if err != nil && url != "" {
		f.Problem("%s: %v", deployment.EnvGitHubURL, err)
	}
	client, err := github.HTTPClient(timeout, Authorities(f))
	if err != nil {
		f.Problem("%s: %v", deployment.EnvGitHubCA, err)
	}
	hub := github.NewForFleet(base, credentialOf(f), client)
	hub.Client.Shared = shared
	policy := f.Policy()
	hub.Scope = github.Scope{Place: policy.SharedPlace(), Group: policy.RunnerGroup}
	return hub
}

// Authorities are those of the GitHub server, certificates in PEM, that are trusted beside
// the public ones; "" is none.
func Authorities(f *function.Function) string {
	if !f.Has(deployment.EnvGitHubCA) {
		return ""
	}
	text, err := os.ReadFile(f.Env(deployment.EnvGitHubCA))
	if err != nil {
		f.Problem("%s: %v", deployment.EnvGitHubCA, err)
	}
	return string(text)
}

// credentialOf is a function's credential, from its variables.
func credentialOf(f *function.Function) github.Credential {
	var pat *secrets.Secret
	if !f.Has(deployment.EnvGitHubApps) {
		return github.StoredPAT{Secret: secrets.Of(f, deployment.EnvGitHubPAT)}
	}
	if f.Has(deployment.EnvGitHubPAT) {
		pat = secrets.Of(f, deployment.EnvGitHubPAT)
	}
	apps, err := ParseApps(f.Env(deployment.EnvGitHubApps))
	if err != nil {
		f.Problem("%s: %v", deployment.EnvGitHubApps, err)
	}
	return Credential(apps, pat, f.Policy().SharedPlace() != "", func(id string) *secrets.Secret { return secrets.Named(f, id) })
}
