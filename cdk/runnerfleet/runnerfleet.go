// Package runnerfleet deploys a fleet with the CDK, from this repository's own app or
// from any other.
//
// Surprisingly, the functions are compiled while the app runs, with the local Go
// toolchain, in this module's own source folder. An app in another module needs no go.sum
// entries for them, and no Docker.
//
// The CDK for Go must be used from one goroutine.
package runnerfleet

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Config is the configuration of one fleet: fleet.yaml, checked and with its
// defaults. It comes from FromEnvironment, Load or Parse, or from Configure.
type Config = config.Config

// What a Config consists of.
type (
	Class     = fleet.Class      // a size of runners
	Arch      = fleet.Arch       // of a class
	Warm      = fleet.Warm       // how many idle runners a class keeps
	Age       = fleet.Age        // of an idle runner
	Limits    = fleet.Limits     // times
	Rule      = fleet.Rule       // of the policy
	Patterns  = fleet.Patterns   // of a rule's condition
	SecretRef = config.SecretRef // where a secret is kept, never the secret
)

// Archs of classes.
const (
	X64   = fleet.X64
	ARM64 = fleet.ARM64
)

// Props say what to deploy.
type Props struct {
	Config Config
	// Dir is what the paths of extra_runner_images and github_ca begin from: the folder of
	// fleet.yaml. "" is the working directory.
	Dir string
	// VPC is where tasks run, in place of the configuration's subnet_ids: in its
	// private subnets with a way out if it has some, else in its public ones with a
	// public address each. A security group that lets traffic out is made there.
	VPC awsec2.IVpc
	// Subnets selects other subnets of VPC.
	Subnets *awsec2.SubnetSelection
	// SecurityGroups of VPC are the tasks', at most five; by default one is made.
	SecurityGroups []awsec2.ISecurityGroup
	// TaskRole is what the code of every job may use, of all repositories alike, in place
	// of a role that may do nothing. It must trust ecs-tasks.amazonaws.com and nothing
	// else, which synthesis checks. For a role for each repository, let workflows use
	// GitHub's OpenID Connect.
	TaskRole awsiam.Role
	// PermissionsBoundary is set on all roles that are made. It must allow what
	// docs/permissions.md lists.
	PermissionsBoundary awsiam.IManagedPolicy
	// AlarmTopic receives the alarms; by default a topic is made. CloudWatch is added to
	// its policy unless the topic is an imported one.
	AlarmTopic awssns.ITopic
	// OutputPrefix is put in front of the outputs' names. `ecsrunner --stack` finds
	// a fleet by the names without one, so it is for a second fleet in a stack.
	OutputPrefix string

	// repositories stands for the configuration's in what functions get, as a JSON array.
	repositories *string
}

// Fleet is what was made, for apps that build on it.
type Fleet struct {
	WebhookURL    *string // for GitHub's webhook
	GitHubPAT     *string // name or ARN of the secret with GitHub's token, nil with a GitHub App alone
	WebhookSecret *string // name or ARN of the secret that GitHub signs webhooks with

	// Connections are the runners' network, to be let into something:
	// database.Connections().AllowDefaultPortFrom(fleet.Connections, jsii.String("jobs")).
	Connections    awsec2.Connections
	SecurityGroups []awsec2.ISecurityGroup // of the runners' tasks
	VPC            awsec2.IVpc             // nil if the configuration names subnet_ids
	TaskRoleARN    *string                 // of job code

	Table        awsdynamodb.ITable
	ClusterName  *string
	ClusterARN   *string
	StateMachine awsstepfunctions.IStateMachine
	Repository   awsecr.IRepository
	RunnerLogs   awslogs.ILogGroup
	Bus          awsevents.IEventBus            // has an event runner.status for every runner that ended
	Functions    map[string]awslambda.IFunction // by their folders below functions/

	Alarms     []awscloudwatch.Alarm // each notifies AlarmTopic
	AlarmTopic awssns.ITopic
}

// New makes a fleet in the stack of scope. It panics with what Props.Check says.
// Several fleets may share a stack if their fleet_name differs.
func New(scope constructs.Construct, id string, props Props) Fleet {
	if err := props.Check(); err != nil {
		panic(err)
	}
	assets, err := newBundler()
	if err != nil {
		panic(err)
	}
	if assets.authorities, err = props.Config.Authorities(props.Dir, time.Now()); err != nil {
		panic(err)
	}
	fleet := constructs.NewConstruct(scope, jsii.String(id))
	awscdk.Tags_Of(fleet).Add(jsii.String(deployment.FleetTag), jsii.String(props.Config.FleetName), nil)
	if props.PermissionsBoundary != nil {
		awsiam.PermissionsBoundary_Of(fleet).Apply(props.PermissionsBoundary)
	}

	c := props.Config
	secrets := newSecrets(fleet, c)
	table := newTable(fleet)
	classSizes, classSizesARN := newClassSizes(fleet, c)
	network := newNetwork(fleet, props)
	tasks := newCluster(fleet, c)
	images := newImages(fleet, props, assets)
	roles := newTaskRoles(fleet, props, tasks, images)
	events := newEvents(fleet, c)
	api := newAPI(fleet, c)
	stateMachineARN, executionsARN := nameStateMachine(fleet, c)

	lambdas := newFunctions(fleet, c, assets, arns{
		gitHub: secrets.gitHubARNs, webhookSecrets: secrets.webhookARNs, claimKey: secrets.claimKey,
		table: table.TableArn(), classSizes: classSizesARN,
		cluster: tasks.arn, tasks: tasks.tasks, taskDefinitions: tasks.definitions,
		repository: images.repository.RepositoryArn(), projects: images.arns, buildLogs: images.logs,
		executionRole: roles.execution.RoleArn(), taskRole: roles.task.RoleArn(),
		bus: events.bus.EventBusArn(), failedEvents: events.failed.QueueArn(), missedSweeps: events.missedSweeps.QueueArn(),
		stateMachine: stateMachineARN, executions: executionsARN, functionNetwork: functionNetwork(c),
	}, events, environment{
		policy: props.policy(images.sources), classSizes: classSizes, table: table.TableName(), stateMachine: stateMachineARN,
		bus: events.bus.EventBusName(), failedEvents: events.failed.QueueUrl(), gitHubURL: jsii.String(c.GitHubURL), gitHubCA: assets.authoritiesFile(), apiURL: api.AttrApiEndpoint(),
		cluster: tasks.arn, executionRole: roles.execution.RoleArn(), taskRole: roles.task.RoleArn(), taskRoleID: roles.taskID, runners: tasks.logs.LogGroupName(),
		secrets: secrets, images: images, network: network,
	})
	stateMachine := newStateMachine(fleet, c, lambdas)
	stage := addRoutes(fleet, c, api, lambdas)
	addRules(fleet, c, events, lambdas.of(functions.Dispatch), tasks, images, stateMachineARN)
	schedule := addSchedule(fleet, events, lambdas.of(functions.Sweep))
	newCapacityProviders(fleet, tasks, table, stateMachine, stage, schedule)

	made := Fleet{
		WebhookURL: awscdk.Fn_Join(jsii.String(""), &[]*string{api.AttrApiEndpoint(), jsii.String(webhookPath)}),
		GitHubPAT:  secrets.gitHubPAT, WebhookSecret: secrets.webhook,
		Connections:    awsec2.NewConnections(&awsec2.ConnectionsProps{SecurityGroups: &network.groups}),
		SecurityGroups: network.groups, VPC: network.vpc, TaskRoleARN: roles.task.RoleArn(),
		Table: table, ClusterName: tasks.name, ClusterARN: tasks.arn, StateMachine: stateMachine,
		Repository: images.repository, RunnerLogs: tasks.logs, Bus: events.bus, Functions: lambdas,
	}
	made.AlarmTopic = alarmTopic(fleet, props)
	made.Alarms = newAlarms(fleet, c, made, events)
	newDashboard(fleet, c, made, events)
	addOutputs(fleet, props, made, secrets, classSizes, tasks, images, events)
	explainFindings(fleet)
	return made
}

// stackOf is the stack that a construct is in.
func stackOf(scope constructs.Construct) awscdk.Stack { return awscdk.Stack_Of(scope) }

func texts(values ...string) *[]*string {
	out := make([]*string, len(values))
	for i, value := range values {
		out[i] = jsii.String(value)
	}
	return &out
}
