package deployed

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/identity"
)

// STS is where STS is in the function's own region. Tasks sign their claims for it.
func (f *Function) STS() identity.Endpoint {
	endpoint, err := identity.EndpointOf(f.aws)
	if err != nil {
		f.problems = append(f.problems, err.Error())
	}
	return endpoint
}

// stsTimeout bounds one request to STS. A claim has time for it beside those to GitHub.
const stsTimeout = 5 * time.Second

// Signers knows the tasks' role.
func (f *Function) Signers() identity.Service {
	cluster := f.env(deployment.EnvCluster)
	at, err := arn.Parse(cluster)
	if err != nil && cluster != "" {
		f.problems = append(f.problems, deployment.EnvCluster+": "+err.Error())
	}
	return identity.Service{
		HTTP: &http.Client{Timeout: stsTimeout}, Endpoint: f.STS(), Now: time.Now,
		Role: identity.Role{Partition: at.Partition, Account: at.AccountID, UniqueID: f.env(deployment.EnvTaskRoleID)},
	}
}
