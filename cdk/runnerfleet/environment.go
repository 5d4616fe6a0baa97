package runnerfleet

import (
	"strconv"

	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// environment is where the values of all variables come from.
type environment struct {
	policy                                                                 string
	classSizes, table, stateMachine, bus, failedEvents                     *string
	gitHubURL, gitHubCA, apiURL, cluster, executionRole, taskRole, runners *string
	taskRoleID                                                             *string
	secrets                                                                secrets
	images                                                                 images
	network                                                                network
}

// values are all variables. A nil variable is not set.
func (e environment) values() map[string]*string {
	return map[string]*string{
		deployment.EnvPolicy:                jsii.String(e.policy),
		deployment.EnvTable:                 e.table,
		deployment.EnvClassSizes:            e.classSizes,
		deployment.EnvStateMachine:          e.stateMachine,
		deployment.EnvCluster:               e.cluster,
		deployment.EnvBus:                   e.bus,
		deployment.EnvGitHubURL:             e.gitHubURL,
		deployment.EnvGitHubCA:              e.gitHubCA,
		deployment.EnvGitHubPAT:             e.secrets.gitHubPAT,
		deployment.EnvGitHubApps:            e.secrets.gitHubApps,
		deployment.EnvWebhookSecret:         e.secrets.webhook,
		deployment.EnvWebhookSecretPrevious: e.secrets.webhookPrevious,
		deployment.EnvClaimKey:              e.secrets.claimKey,
		deployment.EnvAPIURL:                e.apiURL,
		deployment.EnvRepository:            e.images.repository.RepositoryUri(),
		deployment.EnvBuildProject:          jsii.String(e.images.project),
		deployment.EnvExecutionRole:         e.executionRole,
		deployment.EnvTaskRole:              e.taskRole,
		deployment.EnvTaskRoleID:            e.taskRoleID,
		deployment.EnvRunnerLogs:            e.runners,
		deployment.EnvSubnets:               e.network.subnets,
		deployment.EnvSecurityGroups:        e.network.securityGroups,
		deployment.EnvAssignPublicIP:        jsii.String(strconv.FormatBool(e.network.assignPublicIP)),
		deployment.EnvFailedEvents:          e.failedEvents,
	}
}

// of are the variables of one function and of its runtime, without those that this fleet
// has no value for.
func (e environment) of(f functions.Function) map[string]*string {
	values, set := e.values(), map[string]*string{}
	for _, name := range f.Reads {
		if value := values[name]; value != nil {
			set[name] = value
		}
	}
	for name, value := range f.Runtime() {
		set[name] = jsii.String(value)
	}
	return set
}
