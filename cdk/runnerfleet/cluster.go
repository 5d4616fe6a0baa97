package runnerfleet

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// cluster is what tasks need. The roles are made when the repository is there, and the
// capacity providers last of all.
type cluster struct {
	name, arn *string
	logs      awslogs.LogGroup
	// The ARNs of all tasks in it, and of all task definitions of the fleet.
	tasks, definitions *string
}

// newCluster has no Container Insights: they are billed by the task, and a runner
// lives for minutes. Its log and the fleet's own metrics say more.
func newCluster(scope constructs.Construct, c Config) cluster {
	made := awsecs.NewCfnCluster(scope, jsii.String("Cluster"), &awsecs.CfnClusterProps{
		ClusterSettings: &[]*awsecs.CfnCluster_ClusterSettingsProperty{{Name: jsii.String("containerInsights"), Value: jsii.String("disabled")}},
	})
	logs := newLogGroup(scope, "RunnerLogs", logFolder+c.FleetName+"/runners", c)
	return cluster{
		name: made.Ref(), arn: made.AttrArn(), logs: logs, tasks: ecsARN(scope, "task", *made.Ref()+"/*"),
		// A family is the fleet's name and a hash of 32 digits. The length keeps a fleet
		// out whose name only begins alike.
		definitions: ecsARN(scope, "task-definition", c.FleetName+"-"+strings.Repeat("?", 32)+":*"),
	}
}

// newCapacityProviders lets the cluster use Fargate and Fargate Spot. In an account that
// has never used ECS, ECS makes its service-linked role with the cluster and cannot assume
// it yet: providers that come with the cluster fail the deployment
// (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/818). So
// this comes after what takes longest, and nothing in the template comes after this: a task
// that is started earlier is refused, and started again.
func newCapacityProviders(scope constructs.Construct, of cluster, after ...constructs.IDependable) {
	providers := []any{}
	for _, provider := range fleet.CapacityProviders() {
		providers = append(providers, string(provider))
	}
	awsecs.NewCfnClusterCapacityProviderAssociations(scope, jsii.String("CapacityProviders"), &awsecs.CfnClusterCapacityProviderAssociationsProps{
		Cluster: of.name, CapacityProviders: &providers,
		DefaultCapacityProviderStrategy: []any{}, // each task names its own
	}).Node().AddDependency(after...)
}

func ecsARN(scope constructs.Construct, resource, name string) *string {
	return stackOf(scope).FormatArn(&awscdk.ArnComponents{Service: jsii.String("ecs"), Resource: jsii.String(resource), ResourceName: jsii.String(name)})
}

// taskRoles are the two that every task has, and the unique id of the second. Job code
// has that one, which may do nothing unless it is given.
type taskRoles struct {
	execution, task awsiam.IRole
	taskID          *string
}

func newTaskRoles(scope constructs.Construct, p Props, tasks cluster, built images) taskRoles {
	made := taskRoles{execution: newRole(scope, "ExecutionRole", grants.RoleExecution, "ecs-tasks.amazonaws.com", arns{
		repository: built.repository.RepositoryArn(), runnerLogs: tasks.logs.LogGroupArn(),
	})}
	jobs := p.TaskRole
	if jobs != nil {
		made.task = jobs
		scope.Node().AddValidation(&trust{jobs})
	} else {
		jobs = makeRole(scope, "TaskRole", grants.RoleTask, "ecs-tasks.amazonaws.com", arns{})
		made.task = jobs.WithoutPolicyUpdates(nil)
	}
	made.taskID = jobs.RoleId()
	return made
}
