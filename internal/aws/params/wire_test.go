//go:build aws

package params

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

func TestMotoClasses(t *testing.T) {
	client := ssm.NewFromConfig(awstest.Config(t))
	_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/params/classes"), Type: types.ParameterTypeString, Value: aws.String(`{"small":{"cpu":512,"memory":1024}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	classes, err := (&Classes{SSM: client, Name: "/params/classes", Now: time.Now}).Get(t.Context())
	if err != nil || classes["small"].Memory != 1024 {
		t.Errorf("got %v, %v", classes, err)
	}
	if _, err := (&Classes{SSM: client, Name: "/params/none", Now: time.Now}).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "ParameterNotFound") {
		t.Errorf("got %v", err)
	}
}

func TestMotoSecret(t *testing.T) {
	client := secretsmanager.NewFromConfig(awstest.Config(t))
	at := &clock{time.Now()}
	secret := &Secret{SecretsManager: client, ID: "params/webhook", Now: at.now}
	if _, err := secret.Values(t.Context()); err == nil || !strings.Contains(err.Error(), "put-secret-value") {
		t.Errorf("a secret that there is not: %v", err)
	}
	if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("params/webhook"), SecretString: aws.String("one")}); err != nil {
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
		if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("params/webhook"), SecretString: aws.String(value)}); err != nil {
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
