package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/images"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// firstSweepWithin is how long a fleet that was just deployed may take to note what it serves.
const firstSweepWithin = 5 * time.Minute

// onAWS sets up a fleet that is deployed.
func (u *settingUp) onAWS(ctx context.Context) (doctor.Report, error) {
	c, err := connect(ctx, u.stack, u.region)
	if err != nil {
		return doctor.Report{}, err
	}
	at, err := u.deployed(ctx, c)
	if err != nil {
		return doctor.Report{}, c.forPeople(err)
	}
	on, made, asApp, err := u.connect(ctx, at)
	if err != nil {
		return doctor.Report{}, c.forPeople(err)
	}
	if made {
		if err := pinged(ctx, on, asApp); err != nil {
			return doctor.Report{}, c.forPeople(err)
		}
		return doctor.Report{}, comesNext("deploy the fleet with " + at.restart + ", so that it acts as the App, and run " + u.again() + " again")
	}
	if at.Records != nil && !at.NoImages {
		if err := on.BaseImage(ctx, c.store(), at.published); err != nil {
			return doctor.Report{}, c.forPeople(err)
		}
	}
	if err := pinged(ctx, on, asApp); err != nil {
		return doctor.Report{}, c.forPeople(err)
	}
	return u.examined.run(ctx, c.setup(ctx))
}

// forPeople puts an error of AWS into words, unless the fleet has done so by its name.
func (c *cloud) forPeople(err error) error {
	if fleet.ErrorName(err) == "" || denied(err) {
		return c.explain(err)
	}
	return err
}

// deployed is the site of a stack, once its fleet has noted what it serves.
func (u *settingUp) deployed(ctx context.Context, c *cloud) (at site, err error) {
	for waited := time.Duration(0); ; waited += lookForSettings {
		settings, err := c.source().Settings(ctx)
		if err != nil {
			return at, err
		}
		if settings.Serves() != "" {
			break
		}
		if waited == 0 {
			u.say("fleet: waiting for its first sweep, which notes what it serves")
		}
		if waited >= firstSweepWithin {
			return at, fmt.Errorf("the fleet has noted nothing within %s: `ecsrunner doctor%s` says why", firstSweepWithin, c.flags())
		}
		if err := u.wait(ctx, lookForSettings); err != nil {
			return at, err
		}
	}
	at.diagnosis = c.setup(ctx)
	u.hidden = at.secrets
	if at.base, err = github.APIBase(at.GitHubURL); err != nil {
		return at, err
	}
	if uri := c.has(repository); uri != "" {
		at.published = images.Registry{ECR: ecr.NewFromConfig(c.config), Repository: repositoryName(uri)}
	}
	at.hasApp, at.restart = c.has(gitHubApps) != "", "`npx cdk deploy`"
	if at.credential, err = c.credential(at.Policy.SharedPlace() != ""); err != nil {
		return at, err
	}
	if pat := c.has(gitHubPAT); pat != "" {
		_, err := github.StoredPAT{Secret: c.secret(pat)}.Token(ctx, github.Want{})
		if err != nil && !isMissing(err) {
			return at, err
		}
		at.hasToken = err == nil
		if u.asToken && !at.hasToken {
			return at, usagef("no token is stored yet: %s", at.StoreToken)
		}
	}
	at.secret = firstOf(at.WebhookSecrets)
	at.key = awsSecret{c, at.FleetName + "/github-app-key", "Private key of the GitHub App of the runner fleet " + at.FleetName}
	u.say("fleet: %s serves %s, and GitHub is to deliver to %s", at.FleetName, fleetRepositories(at.Policy), at.WebhookURL)
	return at, nil
}

const lookForSettings = 10 * time.Second

func fleetRepositories(p fleet.Policy) string {
	if p.WholeOrganization() {
		return "all of " + p.Organization
	}
	return doctor.Finding{About: p.Repositories}.Subject()
}
