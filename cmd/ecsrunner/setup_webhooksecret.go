package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
)

// newSecret is a webhook's secret that the configuration does not have yet.
type newSecret struct {
	fileSecret
	named bool // in the configuration
}

// line is how the configuration names it.
func (s newSecret) line() string { return "webhook_secret: " + s.Ref() }

// is reports whether a configuration names it.
func (s newSecret) is(c config.Config) bool { return string(c.WebhookSecret) == s.Ref() }

// missingSecret is the webhook's secret that is to be made in the file that the configuration
// names, or in the data directory; nil if there is one. It changes nothing.
func (u *settingUp) missingSecret(dir string, file config.Config) (*newSecret, error) {
	_, missing := file.WebhookSecrets(os.Getenv, os.ReadFile)
	if missing == nil {
		return nil, nil
	}
	path, isFile := strings.CutPrefix(string(file.WebhookSecret), "file:")
	switch _, err := os.Stat(path); {
	case isFile && errors.Is(err, os.ErrNotExist):
		return &newSecret{fileSecret(path), true}, nil
	case isFile || file.WebhookSecret != config.DefaultWebhookSecret:
		return nil, usageError{missing}
	}
	secret := &newSecret{fileSecret(filepath.Join(dir, "webhook-secret")), false}
	if _, err := withLines(u.configPath(), secret.line()+"\n", secret.is); err != nil {
		return nil, usageError{u.byHand(*secret, err)}
	}
	return secret, nil
}

// byHand says what to add to a configuration that was not changed.
func (u *settingUp) byHand(secret newSecret, why error) error {
	return fmt.Errorf("webhook_secret cannot be added to %s: %w: add `%s` there yourself, and run this again", u.configPath(), why, secret.line())
}

// store makes the secret, unless an earlier run did, and has the configuration name it.
func (u *settingUp) store(ctx context.Context, secret newSecret) error {
	text, err := secret.Stored(ctx)
	if err == nil && text != "" {
		u.say("webhook's secret: %s has one already, which is used", string(secret.fileSecret))
	} else {
		if err = errors.Join(err, secret.Store(ctx, rand.Text()+rand.Text()+"\n")); err != nil {
			return fmt.Errorf("store the webhook's secret: %w", err)
		}
		u.say("webhook's secret: made, and stored in %s", string(secret.fileSecret))
	}
	if secret.named {
		return nil
	}
	if err := addLines(u.configPath(), secret.line()+"\n", secret.is); err != nil {
		return u.byHand(secret, err)
	}
	u.say("configuration: added webhook_secret to %s", u.configPath())
	return nil
}
