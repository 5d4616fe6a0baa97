// Command lambda is the function webhook on AWS: POST /webhook of the HTTP API.
package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	policy, secrets, records, bus, measure := f.Policy(), f.WebhookSecrets(), f.Records(), f.Bus(), f.MeasureWebhook()
	deployed.Start(f, func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		current, err := policy(ctx)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		h := webhook.Handler{Secrets: secrets, Records: records, Bus: bus, Policy: current, Now: time.Now, NewID: rand.Text, Log: f.Log}
		response, outcome, err := h.ServeAPIGateway(ctx, r)
		measure(outcome)
		return response, err
	})
}
