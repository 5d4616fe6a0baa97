package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// hooked is a webhook that delivers to the fleet.
type hooked struct {
	at   github.Place
	name string // of the repository or organization
	github.Hook
}

// places are where webhooks are made with a token: in the organization that runners are
// registered in, or in each repository.
func (s Setup) places() (all []hooked) {
	if org := s.Policy.Organization; org != "" {
		return []hooked{{at: github.Organization(org), name: org}}
	}
	for _, name := range s.Policy.Repositories {
		all = append(all, hooked{at: repository(name), name: name})
	}
	return all
}

// Webhooks makes the webhook of each place, or corrects the one that is there. Others that
// are there stay as they are.
func (s Setup) Webhooks(ctx context.Context) error {
	to, err := s.settings(ctx)
	if err != nil {
		return err
	}
	for _, place := range s.places() {
		hook, err := s.find(ctx, place)
		if err != nil {
			return lacksHooks(place, err)
		}
		wrong := wrongWith(hook)
		switch {
		case hook.ID == 0:
			if hook, err = s.GitHub.CreateHook(ctx, place.at, github.AppEvent, to); err == nil {
				s.Say("webhook of %s: made webhook %d, which delivers %s to %s", place.name, hook.ID, github.AppEvent, s.WebhookURL)
			}
		case wrong != "":
			if err = s.GitHub.UpdateHook(ctx, place.at, hook, github.AppEvent, to); err == nil {
				s.Say("webhook of %s: corrected webhook %d, which %s", place.name, hook.ID, wrong)
			}
		default:
			s.Say("webhook of %s: webhook %d is there, and set as it should be", place.name, hook.ID)
		}
		if err != nil {
			return lacksHooks(place, err)
		}
	}
	return nil
}

// find is the webhook of a place that delivers to the fleet, the zero one if there is none.
func (s Setup) find(ctx context.Context, place hooked) (github.Hook, error) {
	for hook, err := range s.GitHub.Hooks(ctx, place.at) {
		if err != nil {
			return github.Hook{}, err
		}
		if doctor.SameAddress(hook.Config.URL, s.WebhookURL) {
			return hook, nil
		}
	}
	return github.Hook{}, nil
}

// wrongWith says what is wrong with a webhook's settings, as far as GitHub shows them: not
// which secret it has.
func wrongWith(hook github.Hook) string {
	var wrong []string
	if !hook.Active {
		wrong = append(wrong, "was not active")
	}
	if !slices.Contains(hook.Events, github.AppEvent) && !slices.Contains(hook.Events, "*") {
		wrong = append(wrong, "did not send "+github.AppEvent)
	}
	return strings.Join(append(wrong, wrongDelivery(hook.Config)...), ", ")
}

// wrongDelivery is what is wrong with how a webhook delivers.
func wrongDelivery(c github.HookConfig) (wrong []string) {
	if c.ContentType != "json" {
		wrong = append(wrong, "sent forms in place of JSON")
	}
	if c.Secret == "" {
		wrong = append(wrong, "had no secret")
	}
	if c.InsecureSSL {
		wrong = append(wrong, "did not verify certificates")
	}
	return wrong
}

// lacksHooks says what to do about a token that may not change webhooks.
func lacksHooks(place hooked, err error) error {
	if !fleet.IsNamed(err, github.NoAccess, github.NotFound) {
		return fmt.Errorf("set the webhook of %s: %w", place.name, err)
	}
	needs := "Webhooks: read and write (a classic one: admin:repo_hook)"
	if _, ok := place.at.(github.Organization); ok {
		needs = "the organization's Webhooks: read and write (a classic one: admin:org_hook)"
	}
	return fmt.Errorf("set the webhook of %s: GitHub does not let the token: give it %s, or make the webhook yourself as docs/first-deployment.md says: %w", place.name, needs, err)
}

// AppWebhook sets how the App's webhook delivers. always sets it whatever it shows: the
// secret of a new App is GitHub's, which stars do not tell from the fleet's.
func (s Setup) AppWebhook(ctx context.Context, always bool) error {
	to, err := s.settings(ctx)
	if err != nil {
		return err
	}
	config, err := s.GitHub.AppHook(ctx)
	if err != nil {
		return fmt.Errorf("look at the App's webhook: %w", err)
	}
	wrong := wrongDelivery(config)
	if !doctor.SameAddress(config.URL, to.URL) {
		wrong = append(wrong, "led elsewhere")
	}
	if len(wrong) == 0 && !always {
		s.Say("webhook: the App's is there, and set as it should be")
		return nil
	}
	if err := s.GitHub.SetAppHook(ctx, to); err != nil {
		return fmt.Errorf("set the App's webhook: %w", err)
	}
	if always {
		wrong = []string{"has the fleet's secret now"}
	}
	s.Say("webhook: corrected the App's, which %s", strings.Join(wrong, ", "))
	return nil
}
