// Command lambda is the function claim on AWS: POST /runners/{id}/claim and
// POST /runners/{id}/job of the HTTP API.
package main

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/claim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/border"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/githubapi"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/metrics"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/operations"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/secrets"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
)

func main() {
	f := border.New()
	records := dynamo.Records(f)
	gh, keys, measured, signers, tasks := githubapi.Of(f, records), secrets.ClaimKeys(f), metrics.Of(f), identity.Signers(f), ecsfleet.Tasks(f)
	lc, authorities := operations.Fleet(f, records, stepfn.Signals(f), gh, nil), githubapi.Authorities(f)
	judge := claim.Judge{Policy: params.PolicyWhenAsked(f), GitHub: gh, Cursors: records, Bus: eventbus.Of(f), NewID: rand.Text}
	border.Start(f, func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		current, err := keys(ctx)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		return claim.Handler{
			Fleet: lc, GitHub: gh, Keys: current, Log: f.Log, GitHubCA: authorities, Signers: signers, Tasks: tasks, Enforce: f.Policy().EnforcePolicy, Judge: judge, JobLog: claim.JobLogOnAWS(f.Policy(), f.AWS.Region), Metrics: measured,
		}.ServeAPIGateway(ctx, r)
	})
}
