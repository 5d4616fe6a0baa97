package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// credential is what a fleet on this machine shows to GitHub. Its secrets are read each
// time, so that they may be replaced while the fleet runs.
func credential(c config.Config) github.Credential {
	pat := github.PAT(func(context.Context) (string, error) { return c.Token(os.Getenv, os.ReadFile) })
	if len(c.GitHubApps) == 0 {
		return pat
	}
	apps := github.Apps{Organization: c.Policy().SharedPlace() != "", Now: time.Now}
	if c.GitHubPAT != "" {
		apps.PAT = pat
	}
	for _, app := range c.GitHubApps {
		apps.List = append(apps.List, github.App{ID: string(app.ID), Keys: storedKeys{app}})
	}
	return apps
}

// checkCredential reads all that credential is made of, so that what is missing is said
// before anything starts.
func checkCredential(c config.Config) error {
	var problems []error
	if c.GitHubPAT != "" {
		_, err := c.Token(os.Getenv, os.ReadFile)
		problems = append(problems, err)
	}
	for _, app := range c.GitHubApps {
		texts, err := app.Keys(os.Getenv, os.ReadFile)
		if err == nil {
			err = github.CheckKeys(string(app.ID), texts)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// storedKeys are an App's keys in variables or files of this machine.
type storedKeys struct{ app config.GitHubApp }

func (k storedKeys) Values(context.Context) ([]string, error) {
	return k.app.Keys(os.Getenv, os.ReadFile)
}

// Refresh has nothing to do: the keys are read each time.
func (storedKeys) Refresh(context.Context) (changed bool, err error) { return false, nil }
