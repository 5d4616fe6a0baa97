package deployed

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
)

// secret is the one that a variable names. It is read ahead of the first
// invocation.
func (f *Function) secret(variable string) *secrets.Secret {
	secret := &secrets.Secret{SecretsManager: secretsmanager.NewFromConfig(f.aws), ID: f.env(variable), Now: time.Now}
	f.warm = append(f.warm, func(ctx context.Context) error {
		_, err := secret.Values(ctx)
		return err
	})
	return secret
}

// ClaimKeys are the keys that claim tokens are made with, the current one first:
// the one before is good for a day after its replacement.
func (f *Function) ClaimKeys() func(context.Context) ([][]byte, error) {
	secret := f.secret(deployment.EnvClaimKey)
	return func(ctx context.Context) ([][]byte, error) {
		values, err := secret.Values(ctx)
		keys := make([][]byte, 0, len(values))
		for _, value := range values {
			keys = append(keys, []byte(value))
		}
		return keys, err
	}
}

// WebhookSecrets are the secret of the webhook and, while it is replaced by
// another secret, that one too.
func (f *Function) WebhookSecrets() WebhookSecrets {
	secrets := WebhookSecrets{f.secret(deployment.EnvWebhookSecret)}
	if f.getenv(deployment.EnvWebhookSecretPrevious) != "" {
		secrets = append(secrets, f.secret(deployment.EnvWebhookSecretPrevious))
	}
	return secrets
}

// WebhookSecrets are one or two secrets, any value of which may have signed.
type WebhookSecrets []*secrets.Secret

// WebhookSecrets returns all their values.
func (s WebhookSecrets) WebhookSecrets(ctx context.Context) (all []string, err error) {
	for _, secret := range s {
		values, err := secret.Values(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

// Refresh looks at them anew, at most once a minute each, and tells whether one
// has changed.
func (s WebhookSecrets) Refresh(ctx context.Context) (changed bool, err error) {
	for _, secret := range s {
		one, err := secret.Refresh(ctx)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}
