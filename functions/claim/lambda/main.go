// Command lambda is the function claim on AWS: POST /runners/{id}/claim of the
// HTTP API.
package main

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/deployed"
)

func main() {
	f := deployed.New()
	home, gh, keys, metrics, signers, tasks := f.Fleet(), f.GitHub(), f.ClaimKeys(), f.Metrics(), f.Signers(), f.Tasks()
	home.Executions, home.GitHub = f.Signals(), gh
	deployed.Start(f, func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		current, err := keys(ctx)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		response, err := claim.Handler{Fleet: home, GitHub: gh, Keys: current, Log: f.Log, Signers: signers, Tasks: tasks}.ServeAPIGateway(ctx, r)
		if response.StatusCode == http.StatusConflict {
			metrics.Put(deployment.MetricClaimConflict, 1, nil)
		}
		return response, err
	})
}
