package secrets

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// Of is the secret that a function's variable names. The function reads it before its
// first invocation.
func Of(f *function.Function, variable string) *Secret { return Named(f, f.Env(variable)) }

// Named is the secret with an ARN or a name, which the function reads before its first
// invocation.
func Named(f *function.Function, id string) *Secret {
	secret := &Secret{SecretsManager: secretsmanager.NewFromConfig(f.AWS), ID: id, Now: time.Now}
	f.Warm(func(ctx context.Context) error {
		_, err := secret.Values(ctx)
		return err
	})
	return secret
}

// ClaimKeys are the keys that claim tokens are made with, the current one first: the
// previous one is valid for a day after its replacement.
func ClaimKeys(f *function.Function) func(context.Context) ([][]byte, error) {
	secret := Of(f, deployment.EnvClaimKey)
	return func(ctx context.Context) ([][]byte, error) {
		values, err := secret.Values(ctx)
		keys := make([][]byte, 0, len(values))
		for _, value := range values {
			keys = append(keys, []byte(value))
		}
		return keys, err
	}
}

// WebhookOf is the webhook's secret, for a function, and the previous one while the
// deployment names that too.
func WebhookOf(f *function.Function) Webhook {
	all := Webhook{Of(f, deployment.EnvWebhookSecret)}
	if f.Has(deployment.EnvWebhookSecretPrevious) {
		all = append(all, Of(f, deployment.EnvWebhookSecretPrevious))
	}
	return all
}
