package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/builds"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// Parts that only operators need.
var (
	gitHubPAT    = part{deployment.OutputGitHubPAT, deployment.EnvGitHubPAT}
	gitHubApps   = part{deployment.OutputGitHubApps, deployment.EnvGitHubApps}
	eventBus     = part{deployment.OutputBus, deployment.EnvBus}
	buildProject = part{deployment.OutputBuildProject, deployment.EnvBuildProject}
	repository   = part{deployment.OutputRepository, deployment.EnvRepository}
)

// errUntold is a fleet whose sweep has not run yet.
var errUntold = errors.New("the fleet has not told yet what it serves: its sweep does so within a minute of the deployment; if it does not, its log says why")

// operator connects to all that operators change, with the fleet's own token for
// GitHub and this user's rights on AWS.
func (c *cloud) operator(ctx context.Context) (operate.Operator, error) {
	settings, err := c.source().Settings(ctx)
	if err != nil {
		return operate.Operator{}, err
	}
	if !settings.Told() {
		return operate.Operator{}, errUntold
	}
	values := map[part]string{}
	for _, p := range []part{recordsTable, stateMachine, ecsCluster, eventBus, buildProject, repository} {
		if values[p], err = c.value(p); err != nil {
			return operate.Operator{}, err
		}
	}
	base, err := github.APIBase(cmp.Or(settings.GitHubURL, "https://github.com"))
	if err != nil {
		return operate.Operator{}, err
	}
	policy := policyOf(settings)
	credential, err := c.credential(policy.SharedPlace() != "")
	if err != nil {
		return operate.Operator{}, err
	}
	client, err := github.HTTPClient(20*time.Second, settings.GitHubCA)
	if err != nil {
		return operate.Operator{}, err
	}
	steps, store := sfn.NewFromConfig(c.config), c.store()
	hub := github.NewForFleet(base, credential, client)
	hub.Client.Shared = store
	hub.Scope = github.Scope{Place: policy.SharedPlace(), Group: policy.RunnerGroup}
	platform := ecsfleet.Platform{ECS: ecs.NewFromConfig(c.config), Cluster: values[ecsCluster], FleetName: settings.FleetName}
	operated := lifecycle.Of(policy)
	operated.Name, operated.MaxRunners = settings.FleetName, settings.MaxRunners
	operated.Records, operated.Executions, operated.GitHub, operated.Tasks = store, stepfn.Executions{SFN: steps, StateMachineARN: values[stateMachine]}, hub, platform
	operated.Backoff, operated.Now, operated.Log = dynamo.Backoff, time.Now, slog.New(slog.DiscardHandler)
	return operate.Operator{
		Fleet:        operated,
		Repositories: settings.Repositories, WebhookURL: c.webhookURL(),
		Records: store, GitHub: hub, Bus: eventbus.Bus{EventBridge: eventbridge.NewFromConfig(c.config), Name: values[eventBus]},
		Executions: stepfn.Control{SFN: steps, StateMachineARN: values[stateMachine], FleetName: settings.FleetName},
		Platform:   platform, Definitions: platform,
		Builds: builds.Builds{CodeBuild: codebuild.NewFromConfig(c.config), Project: values[buildProject], Now: time.Now},
		Images: store, Registry: images.Shelf{ECR: ecr.NewFromConfig(c.config), Repository: repositoryName(values[repository])}, Cursors: store,
		NewID: rand.Text, Wait: wait,
	}, nil
}

// credential is what the fleet shows to GitHub, read with this user's rights.
func (c *cloud) credential(organization bool) (github.Credential, error) {
	open := c.secret
	var apps []deployment.GitHubApp
	if text := c.has(gitHubApps); text != "" {
		var err error
		if apps, err = githubapi.ParseApps(text); err != nil {
			return nil, usagef("%s: %w", gitHubApps.output, err)
		}
	}
	if len(apps) > 0 && c.has(gitHubPAT) == "" {
		return githubapi.Credential(apps, nil, organization, open), nil
	}
	token, err := c.value(gitHubPAT)
	if err != nil {
		return nil, err
	}
	return githubapi.Credential(apps, open(token), organization, open), nil
}

// policyOf is what the deployed fleet decides by. The settings of the release before have
// none.
func policyOf(settings report.Settings) fleet.Policy {
	if settings.Policy == nil {
		return fleet.Policy{Limits: fleet.DefaultLimits()}
	}
	return *settings.Policy
}

// repositoryName is the name in the URI of a repository.
func repositoryName(uri string) string {
	_, name, _ := strings.Cut(uri, "/")
	return name
}

func (c *cloud) webhookURL() string {
	if c.stack == nil {
		return ""
	}
	return c.stack.Output(deployment.OutputWebhookURL)
}

// wait lets time pass, or ends with the context.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
