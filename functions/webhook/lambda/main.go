// Command lambda is the function webhook on AWS: POST /webhook of the HTTP API.
package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
)

func main() {
	f := border.New()
	policy, signed, records, bus, measured := params.Policy(f), secrets.WebhookOf(f), dynamo.Records(f), eventbus.Of(f), metrics.Of(f)
	border.Start(f, func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		current, err := policy(ctx)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		h := webhook.Handler{Secrets: signed, Records: records, Bus: bus, Policy: current, Now: time.Now, NewID: rand.Text, Log: f.Log, Metrics: measured}
		return h.ServeAPIGateway(ctx, r)
	})
}
