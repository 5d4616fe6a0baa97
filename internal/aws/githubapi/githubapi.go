// Package githubapi gives a Lambda function the client of GitHub's API, with the token
// from Secrets Manager.
//
// What is left of GitHub's limits is shared through the table: all functions spend from
// the same.
package githubapi

import (
	"net/http"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// timeout bounds one request to GitHub. A function has time for two.
const timeout = 15 * time.Second

// Of is the client of a function.
func Of(f *function.Function) github.ForFleet {
	url := f.Env(deployment.EnvGitHubURL)
	base, err := github.APIBase(url)
	if err != nil && url != "" {
		f.Problem("%s: %v", deployment.EnvGitHubURL, err)
	}
	token := secrets.Of(f, deployment.EnvGitHubPAT)
	hub := github.NewForFleet(base, github.StoredPAT{Secret: token}, &http.Client{Timeout: timeout})
	hub.Client.Shared = dynamo.Records(f)
	return hub
}
