package runnerfleet

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// secrets are the names or ARNs of the fleet's secrets, never what is in them.
type secrets struct {
	gitHubPAT, webhook, webhookPrevious, claimKey *string // gitHubPAT is nil with a GitHub App alone, webhookPrevious unless configured
	gitHubApps                                    *string // JSON of deployment.GitHubApp; nil is none
	gitHubARNs, webhookARNs                       []*string
}

func newSecrets(scope constructs.Construct, c Config) secrets {
	made := secrets{
		webhook: secretID(scope, "WebhookSecret", c.WebhookSecret, config.DefaultWebhookSecret,
			"What GitHub signs webhooks for the runner fleet "+c.FleetName+" with", random()),
		claimKey: secretOf(scope, "ClaimKey", "Key of the claim tokens of the runner fleet "+c.FleetName, random()),
	}
	made.webhookARNs = secretARNs(scope, made.webhook)
	made.newGitHub(scope, c)
	if c.WebhookSecretPrevious != "" {
		id, _ := c.WebhookSecretPrevious.AWSSecret()
		made.webhookPrevious = jsii.String(id)
		made.webhookARNs = append(made.webhookARNs, secretARNs(scope, made.webhookPrevious)...)
	}
	return made
}

// newGitHub makes what the fleet shows to GitHub: the secrets of its Apps, which the
// configuration names, or that of its token.
func (s *secrets) newGitHub(scope constructs.Construct, c Config) {
	if c.GitHubPAT != "" {
		s.gitHubPAT = secretID(scope, "GitHubPat", c.GitHubPAT, config.DefaultGitHubPAT,
			"GitHub personal access token of the runner fleet "+c.FleetName+". What is in it at first is no token: see the output "+outputStorePAT, noTokenYet())
		s.gitHubARNs = secretARNs(scope, s.gitHubPAT)
	}
	var apps []deployment.GitHubApp
	for _, app := range c.GitHubApps {
		one := deployment.GitHubApp{ID: string(app.ID)}
		one.Key, _ = app.PrivateKey.AWSSecret()
		s.gitHubARNs = append(s.gitHubARNs, secretARNs(scope, jsii.String(one.Key))...)
		if app.PrivateKeyPrevious != "" {
			one.PreviousKey, _ = app.PrivateKeyPrevious.AWSSecret()
			s.gitHubARNs = append(s.gitHubARNs, secretARNs(scope, jsii.String(one.PreviousKey))...)
		}
		apps = append(apps, one)
	}
	if len(apps) > 0 {
		encoded, err := json.Marshal(apps)
		if err != nil {
			panic(err) // strings: they marshal
		}
		s.gitHubApps = jsii.String(string(encoded))
	}
}

// secretID is the secret that the configuration names, or a new one.
func secretID(scope constructs.Construct, id string, ref, byDefault config.SecretRef, description string, content *awssecretsmanager.SecretStringGenerator) *string {
	if ref == byDefault {
		return secretOf(scope, id, description, content)
	}
	name, ok := ref.AWSSecret()
	if !ok {
		panic("a secret that is not on AWS: the configuration was not checked for AWS; use Load, Parse or FromEnvironment")
	}
	return jsii.String(name)
}

// random is 64 letters and digits.
func random() *awssecretsmanager.SecretStringGenerator {
	return &awssecretsmanager.SecretStringGenerator{PasswordLength: jsii.Number(64), ExcludePunctuation: jsii.Bool(true)}
}

// noTokenYet is JSON, which no token is, so that a fleet can say that none was stored.
func noTokenYet() *awssecretsmanager.SecretStringGenerator {
	return &awssecretsmanager.SecretStringGenerator{
		SecretStringTemplate: jsii.String(`{"` + fleet.NoTokenYet + `":true}`), GenerateStringKey: jsii.String("random"),
		PasswordLength: jsii.Number(16), ExcludePunctuation: jsii.Bool(true),
	}
}

// secretOf makes a secret. Its name is left to CloudFormation: a deleted secret's name is
// taken for weeks. Other content would replace what an operator has stored since.
func secretOf(scope constructs.Construct, id, description string, content *awssecretsmanager.SecretStringGenerator) *string {
	return awssecretsmanager.NewSecret(scope, jsii.String(id), &awssecretsmanager.SecretProps{
		Description: jsii.String(description), GenerateSecretString: content, RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	}).SecretArn()
}

// secretARNs are the ARNs that a secret may have which was given by its name or
// ARN: Secrets Manager adds a dash and six characters, which people leave out.
func secretARNs(scope constructs.Construct, id *string) []*string {
	const added = "-??????"
	if *awscdk.Token_IsUnresolved(*id) {
		return []*string{id}
	}
	if _, isARN := config.SecretRef(*id).AWSSecret(); isARN {
		return []*string{id, jsii.String(*id + added)}
	}
	return []*string{stackOf(scope).FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("secretsmanager"), Resource: jsii.String("secret"), ResourceName: jsii.String(*id + added), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})}
}
