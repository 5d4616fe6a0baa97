//go:build aws

package secrets

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

func TestMotoSecret(t *testing.T) {
	client := secretsmanager.NewFromConfig(awstest.Config(t))
	at := &clock{time.Now()}
	secret := &Secret{SecretsManager: client, ID: "secrets/webhook", Now: at.now}
	if _, err := secret.Values(t.Context()); err == nil || !strings.Contains(err.Error(), "put-secret-value") {
		t.Errorf("a secret that there is not: %v", err)
	}
	if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("secrets/webhook"), SecretString: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	has := func(want string) {
		t.Helper()
		if values, err := secret.Values(t.Context()); err != nil || strings.Join(values, " ") != want {
			t.Errorf("got %q, %v; want %s", values, err, want)
		}
	}
	has("one")
	for _, value := range []string{"two", "three"} {
		if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("secrets/webhook"), SecretString: aws.String(value)}); err != nil {
			t.Fatal(err)
		}
		at.advance(refreshEvery)
		if changed, err := secret.Refresh(t.Context()); err != nil || !changed {
			t.Errorf("changed %v, %v", changed, err)
		}
	}
	has("three two")
	at.advance(rotation)
	has("three")
}
