package functions

import (
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// Webhook is called by the HTTP API, for GitHub, which repeats no delivery by itself.
var Webhook = Function{
	Name:    "Webhook",
	Seconds: 9,
	Memory:  hurried,
	Says:    "verifies GitHub's webhooks; GitHub gives up after ten seconds",
	Reads: []string{
		deployment.EnvPolicy, deployment.EnvClassSizes, deployment.EnvTable, deployment.EnvWebhookSecret,
		deployment.EnvWebhookSecretPrevious, deployment.EnvBus,
	},
	May: append(records("GetItem"),
		grants.Allow("the holds of a repository are listed in the table itself, when a job of others has ended in it", grants.Table, "dynamodb:Query"),
		grants.Allow("deliveries go to the bus", grants.Bus, "events:PutEvents"),
		grants.Allow("admission needs the class sizes", grants.ClassSizes, "ssm:GetParameter"),
		grants.Allow("signatures are verified", grants.WebhookSecrets, "secretsmanager:GetSecretValue"),
	),
	FailureAlarm: &Alarm{
		Periods: 1,
		Says:    "The function webhook failed, so GitHub got an error and does not try again by itself. Its log names the cause; the sweep has the deliveries repeated.",
	},
}
