package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/datadir"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// here sets up a fleet of a data directory, which need not be there yet.
func (u *settingUp) here(ctx context.Context) (doctor.Report, error) {
	dir, err := namedDir(u.named)
	if err != nil {
		return doctor.Report{}, usageError{err}
	}
	file, err := config.Load(u.configPath())
	if err != nil {
		return doctor.Report{}, usageError{err}
	}
	at, secret, err := u.checked(ctx, dir, file)
	if err != nil {
		return doctor.Report{}, err
	}
	if err := datadir.Make(dir); err != nil {
		return doctor.Report{}, err
	}
	u.say("fleet: %s serves %s, and GitHub is to deliver to %s", at.FleetName, fleetRepositories(at.Policy), at.WebhookURL)
	if secret != nil {
		if err := u.store(ctx, *secret); err != nil {
			return doctor.Report{}, err
		}
		at.secretMade = true
	}
	on, made, asApp, err := u.connect(ctx, at)
	if err != nil {
		return doctor.Report{}, err
	}
	switch served := datadir.IsServed(dir); {
	case served && (made || at.secretMade):
		return doctor.Report{}, comesNext("stop the fleet, which does not know of that yet, start it with " + at.restart + ", and run " + u.again() + " again")
	case made && !served:
		return doctor.Report{}, comesNext("start the fleet with " + at.restart + ", and run " + u.again() + " again")
	case !served:
		return u.notServed(ctx, dir, at)
	}
	f, err := u.openHere(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	defer f.close()
	settings, err := f.records.Settings(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	if settings.Engine != "process" {
		if err := on.BaseImage(ctx, f.records, nil); err != nil {
			return doctor.Report{}, err
		}
	}
	if err := pinged(ctx, on, asApp); err != nil {
		return doctor.Report{}, err
	}
	return u.examined.here(ctx)
}

// checked is the site of a configuration, and the webhook's secret that it lacks, nil if it
// has one. It refuses what would not be refused before something is changed.
func (u *settingUp) checked(ctx context.Context, dir string, file config.Config) (at site, secret *newSecret, err error) {
	if err := checkReachable(u.webhookURL, file.GitHubURL); err != nil {
		return at, nil, err
	}
	if err := datadir.Check(dir); err != nil {
		return at, nil, err
	}
	if at, err = u.configured(dir, file); err != nil {
		return at, nil, err
	}
	if err := u.checkMaking(ctx, at); err != nil {
		return at, nil, err
	}
	secret, err = u.missingSecret(dir, file)
	return at, secret, err
}

// notServed is what is left of a fleet that does not run: to start it.
func (u *settingUp) notServed(ctx context.Context, dir string, at site) (doctor.Report, error) {
	u.say("ping: not sent, as no fleet serves %s: start it with %s, then run this again", dir, at.restart)
	if _, err := os.Stat(filepath.Join(dir, sqlite.FileName)); err == nil {
		return u.examined.here(ctx)
	}
	d := u.ofConfig(ctx)
	d.More = append(d.More, always("process", doctor.Finding{
		Severity: doctor.Error, What: "no fleet serves the data directory", Whose: "operator", Do: "start it, then run this again", Command: strings.Trim(at.restart, "`"),
	}))
	return u.examined.run(ctx, d)
}

// configured is the site of a configuration for this machine.
func (u *settingUp) configured(dir string, file config.Config) (at site, err error) {
	at = site{
		diagnosis: diagnosis{secrets: u.hidden, Setup: doctor.Setup{FleetName: file.FleetName, Policy: file.Policy(), GitHubURL: file.GitHubURL, WebhookURL: u.webhookURL}},
		hasApp:    len(file.GitHubApps) > 0, key: fileSecret(filepath.Join(dir, "github-app.pem")), credential: credential(file),
		restart: fmt.Sprintf("`ecsrunner local --config %s --data-dir %s`", u.configPath(), dir),
	}
	if at.authorities, err = file.Authorities(filepath.Dir(u.configPath()), time.Now()); err != nil {
		return at, usageError{err}
	}
	if at.base, err = github.APIBase(file.GitHubURL); err != nil {
		return at, err
	}
	if file.GitHubPAT != "" {
		_, err := file.Token(os.Getenv, os.ReadFile)
		at.hasToken = err == nil
		if err != nil && (u.asToken || file.GitHubPAT != config.DefaultGitHubPAT) && !u.asApp {
			return at, usagef("%w: store the token there, or let --app make a GitHub App", err)
		}
	}
	if at.hasApp {
		if err := checkCredential(file); err != nil {
			return at, usageError{err}
		}
	}
	at.secret = firstOf(func(context.Context) ([]string, error) {
		now, err := config.Load(u.configPath())
		if err != nil {
			return nil, err
		}
		values, err := now.WebhookSecrets(os.Getenv, os.ReadFile)
		u.hidden.Add(values...)
		return values, err
	})
	return at, nil
}
