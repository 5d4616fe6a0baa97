package deployed

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/ecsfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/eventbus"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/events"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/logs"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/queue"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stepfn"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Fleet is what all operations need, with the records. Executions, GitHub and
// Tasks are set by the functions that use them, and by no other.
func (f *Function) Fleet() lifecycle.Fleet {
	policy := f.policy()
	return lifecycle.Fleet{
		Name: policy.FleetName, MaxRunners: policy.MaxRunners, MaxPerRepository: policy.Share(), Limits: policy.Limits, Deployment: policy.Fingerprint(),
		Records: f.Records(), Backoff: dynamo.Backoff, Now: time.Now, Log: f.Log,
	}
}

// Records is the fleet's table.
func (f *Function) Records() *dynamo.Store {
	store := dynamo.New(dynamodb.NewFromConfig(f.aws), f.env(deployment.EnvTable), dynamo.Options{
		Retention: deployment.Retention, Now: time.Now, NewID: rand.Text,
	})
	if len(f.warm) == 0 {
		f.warm = append(f.warm, func(ctx context.Context) error {
			_, err := store.Capacity(ctx)
			return err
		})
	}
	return store
}

// Executions starts executions, signals and looks at them.
func (f *Function) Executions() stepfn.Executions {
	executions := f.Signals()
	executions.StateMachineARN = f.env(deployment.EnvStateMachine)
	return executions
}

// Signals is Executions for functions that start none.
func (f *Function) Signals() stepfn.Executions {
	return stepfn.Executions{SFN: sfn.NewFromConfig(f.aws)}
}

// Tasks is the ECS cluster, for looking at tasks and task definitions and for
// stopping them.
func (f *Function) Tasks() ecsfleet.Platform {
	return ecsfleet.Platform{ECS: ecs.NewFromConfig(f.aws), Cluster: f.env(deployment.EnvCluster), FleetName: f.policy().FleetName}
}

// Launcher is Tasks that can be started too.
func (f *Function) Launcher() ecsfleet.Platform {
	platform := f.Tasks()
	platform.Network = ecsfleet.Network{
		Subnets:        f.list(deployment.EnvSubnets),
		SecurityGroups: f.list(deployment.EnvSecurityGroups),
		AssignPublicIP: f.env(deployment.EnvAssignPublicIP) == "true",
	}
	return platform
}

// Definitions registers task definitions.
func (f *Function) Definitions() ecsfleet.Platform {
	return ecsfleet.Platform{
		ECS: ecs.NewFromConfig(f.aws), FleetName: f.policy().FleetName,
		Definition: ecsfleet.Definition{
			Repository:    f.env(deployment.EnvRepository),
			ExecutionRole: f.env(deployment.EnvExecutionRole),
			TaskRole:      f.env(deployment.EnvTaskRole),
			LogGroup:      f.env(deployment.EnvRunnerLogs),
			Region:        f.aws.Region,
		},
	}
}

// APIURL is where runners reach the claim route.
func (f *Function) APIURL() string { return strings.TrimSuffix(f.env(deployment.EnvAPIURL), "/") }

// Bus is the fleet's event bus.
func (f *Function) Bus() eventbus.Bus {
	return eventbus.Bus{EventBridge: eventbridge.NewFromConfig(f.aws), Name: f.env(deployment.EnvBus)}
}

// Listener knows which of AWS's events are about this fleet.
func (f *Function) Listener() events.Listener {
	client := cloudwatchlogs.NewFromConfig(f.aws)
	return events.Listener{
		ClusterARN:      f.env(deployment.EnvCluster),
		BuildProject:    f.env(deployment.EnvBuildProject),
		StateMachineARN: f.env(deployment.EnvStateMachine),
		LastLines: func(group, stream string, most int) ([]string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), logsTimeout)
			defer cancel()
			return logs.Last(ctx, client, group, stream, most)
		},
	}
}

// logsTimeout bounds the look at a failed build's log, without which its event is told
// all the same.
const logsTimeout = 5 * time.Second

// FailedEvents are the events that dispatch could not handle.
func (f *Function) FailedEvents() queue.FailedEvents {
	return queue.FailedEvents{SQS: sqs.NewFromConfig(f.aws), URL: f.env(deployment.EnvFailedEvents), Hear: f.Listener().Hear, Log: f.Log}
}

// gitHubTimeout bounds one request to GitHub. A function has time for two.
const gitHubTimeout = 15 * time.Second

// GitHubURL is where GitHub is.
func (f *Function) GitHubURL() string { return f.env(deployment.EnvGitHubURL) }

// GitHub is GitHub's API, with the fleet's token. What is left of its limits is shared
// through the table.
func (f *Function) GitHub() github.ForFleet {
	url := f.env(deployment.EnvGitHubURL)
	base, err := github.APIBase(url)
	if err != nil && url != "" {
		f.problems = append(f.problems, deployment.EnvGitHubURL+": "+err.Error())
	}
	token := f.secret(deployment.EnvGitHubPAT)
	hub := github.NewForFleet(base, github.StoredPAT{Secret: token}, &http.Client{Timeout: gitHubTimeout})
	hub.Client.Shared = f.Records()
	return hub
}
