// Package setup makes what a fleet needs on GitHub: a GitHub App of a manifest, or webhooks
// with a token. Then it waits until the fleet has its base image and has answered GitHub.
//
// Every step looks first at what is there, so that a set-up that was stopped anywhere is
// gone on with by running it again. One step cannot be repeated: GitHub shows the key of a
// new App once. So that is stored before anything else, together with the App's id.
package setup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// gitHub is what the steps ask of GitHub, with the fleet's own credential.
type gitHub interface {
	GetRepository(ctx context.Context, repo github.Repository) (github.RepositoryInfo, error)
	NewestRepository(ctx context.Context, org github.Organization) (repo github.Repository, found bool, err error)

	App(ctx context.Context) (github.AppInfo, error)
	AppHook(ctx context.Context) (github.HookConfig, error)
	SetAppHook(ctx context.Context, s github.HookSettings) error
	AppHookDeliveries(ctx context.Context) iter.Seq2[github.Delivery, error]
	RedeliverOfApp(ctx context.Context, deliveryID int64) error

	Hooks(ctx context.Context, at github.Place) iter.Seq2[github.Hook, error]
	CreateHook(ctx context.Context, at github.Place, event string, s github.HookSettings) (github.Hook, error)
	UpdateHook(ctx context.Context, at github.Place, hook github.Hook, event string, s github.HookSettings) error
	PingHook(ctx context.Context, at github.Place, hookID int64) error
	HookDeliveries(ctx context.Context, at github.Place, hookID int64) iter.Seq2[github.Delivery, error]
	Redeliver(ctx context.Context, at github.Place, hookID, deliveryID int64) error
}

// Setup is a fleet that is set up. It needs all its fields.
type Setup struct {
	Policy     fleet.Policy
	GitHub     gitHub
	WebhookURL string // where GitHub delivers to
	// WebhookSecret is what GitHub is to sign with.
	WebhookSecret func(ctx context.Context) (string, error)

	// Say tells what a step came to, in one line that begins with the step's name.
	Say   func(format string, args ...any)
	Wait  func(ctx context.Context, d time.Duration) error
	Limit time.Duration // of each wait
}

// errOver ends a wait that came to nothing.
var errOver = errors.New("the time is over")

// until asks again and again whether something is so. It fails with errOver at the limit,
// with the context, and with what the question fails with, unless that may pass.
func (s Setup) until(ctx context.Context, every, limit time.Duration, isSo func(context.Context) (bool, error)) error {
	for waited := time.Duration(0); ; waited += every {
		ok, err := isSo(ctx)
		mayPass := fleet.IsNamed(err, github.Unavailable, github.RateLimited)
		switch {
		case ok && err == nil:
			return nil
		case err != nil && (!mayPass || waited >= limit):
			return err
		case waited >= limit:
			return errOver
		}
		if err := s.Wait(ctx, every); err != nil {
			return err
		}
	}
}

// settings are what a webhook is to be set to.
func (s Setup) settings(ctx context.Context) (github.HookSettings, error) {
	secret, err := s.WebhookSecret(ctx)
	if err != nil {
		return github.HookSettings{}, fmt.Errorf("read the webhook's secret: %w", err)
	}
	return github.HookSettings{URL: s.WebhookURL, Secret: secret}, nil
}

// page is a page of the GitHub that the fleet uses.
func page(gitHubURL, path string) string { return strings.TrimSuffix(gitHubURL, "/") + path }

func repository(name string) github.Repository {
	owner, repo, _ := strings.Cut(name, "/")
	return github.Repository{Owner: owner, Name: repo}
}

// owners are the owners of the fleet's repositories, each once, as they are spelled first.
func owners(p fleet.Policy) (all []string) {
	if p.WholeOrganization() {
		return []string{p.Organization}
	}
	seen := map[string]bool{}
	for _, name := range p.Repositories {
		owner, _, _ := strings.Cut(name, "/")
		if key := strings.ToLower(owner); !seen[key] {
			seen[key] = true
			all = append(all, owner)
		}
	}
	return all
}
