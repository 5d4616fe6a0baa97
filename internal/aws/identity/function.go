package identity

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// STS is where STS is in a function's own region. Tasks sign their claims for it.
func STS(f *function.Function) Endpoint {
	endpoint, err := EndpointOf(f.AWS)
	if err != nil {
		f.Problem("%v", err)
	}
	return endpoint
}

// timeout bounds one request to STS. A claim has time for it beside those to GitHub.
const timeout = 5 * time.Second

// Signers knows the tasks' role, for a function.
func Signers(f *function.Function) Service {
	cluster := f.Env(deployment.EnvCluster)
	at, err := arn.Parse(cluster)
	if err != nil && cluster != "" {
		f.Problem("%s: %v", deployment.EnvCluster, err)
	}
	return Service{
		HTTP: &http.Client{Timeout: timeout}, Endpoint: STS(f), Now: time.Now,
		Role: Role{Partition: at.Partition, Account: at.AccountID, UniqueID: f.Env(deployment.EnvTaskRoleID)},
	}
}
