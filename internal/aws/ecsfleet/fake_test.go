package ecsfleet

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/inspectrunner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/registertaskdefinition"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

var (
	_ = runtask.Step{Launcher: Platform{}}
	_ = registertaskdefinition.Step{Definitions: Platform{}}
	_ = inspectrunner.Step{Platform: Platform{}}
	_ = sweep.Handler{Platform: Platform{}, Definitions: Platform{}}
	_ = lifecycle.Fleet{Tasks: Platform{}}
)

// cluster is ECS: it gives the test's answers and keeps its requests.
type cluster struct {
	client                                // for calls about many definitions: registry has that
	definition                            *types.TaskDefinition
	ran                                   *ecs.RunTaskOutput
	running, stopped                      []string
	startedBy                             map[string]string // of tasks, by ARN
	unknown                               map[string]string // reasons of failures, by ARN
	lookErr, registerErr, runErr, stopErr error
	listErr, describeErr                  error
	failAt                                int // which call of list or describe fails, from 1; 0 is all
	registered                            []*ecs.RegisterTaskDefinitionInput
	launched                              []*ecs.RunTaskInput
	stops                                 []*ecs.StopTaskInput
	described                             [][]string
	lists                                 int
	silent                                bool // DescribeTasks leaves out unknown tasks
	onList                                func()
}

func (c *cluster) DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	if c.lookErr != nil {
		return nil, c.lookErr
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: c.definition}, nil
}

func (c *cluster) RegisterTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	c.registered = append(c.registered, in)
	if c.registerErr != nil {
		return nil, c.registerErr
	}
	c.definition = as(in)
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: c.definition}, nil
}

// as is a registered definition with some of the defaults that ECS adds.
func as(in *ecs.RegisterTaskDefinitionInput) *types.TaskDefinition {
	containers := slices.Clone(in.ContainerDefinitions)
	containers[0].Cpu = 0
	containers[0].MountPoints = []types.MountPoint{}
	return &types.TaskDefinition{
		TaskDefinitionArn: aws.String("arn:aws:ecs:r:1:task-definition/" + *in.Family + ":1"), Family: in.Family, Revision: 1,
		Status: types.TaskDefinitionStatusActive, ContainerDefinitions: containers,
		ExecutionRoleArn: in.ExecutionRoleArn, TaskRoleArn: in.TaskRoleArn, RuntimePlatform: in.RuntimePlatform,
	}
}

func (c *cluster) RunTask(_ context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	c.launched = append(c.launched, in)
	return c.ran, c.runErr
}

func (c *cluster) StopTask(_ context.Context, in *ecs.StopTaskInput, _ ...func(*ecs.Options)) (*ecs.StopTaskOutput, error) {
	c.stops = append(c.stops, in)
	return &ecs.StopTaskOutput{}, c.stopErr
}

func (c *cluster) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	c.lists++
	if c.onList != nil {
		c.onList()
	}
	if c.listErr != nil && (c.failAt == 0 || c.failAt == c.lists) {
		return nil, c.listErr
	}
	arns := c.running
	if in.DesiredStatus == types.DesiredStatusStopped {
		arns = c.stopped
	}
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	to := min(len(arns), from+int(*in.MaxResults))
	out := &ecs.ListTasksOutput{TaskArns: arns[from:to]}
	if to < len(arns) {
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	return out, nil
}

func (c *cluster) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	c.described = append(c.described, in.Tasks)
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks cannot be more than 100")
	}
	if c.describeErr != nil && (c.failAt == 0 || c.failAt == len(c.described)) {
		return nil, c.describeErr
	}
	out := &ecs.DescribeTasksOutput{}
	for _, arn := range in.Tasks {
		if reason, ok := c.unknown[arn]; ok {
			if !c.silent {
				out.Failures = append(out.Failures, types.Failure{Arn: aws.String(arn), Reason: aws.String(reason)})
			}
			continue
		}
		out.Tasks = append(out.Tasks, types.Task{TaskArn: aws.String(arn), StartedBy: aws.String(c.startedBy[arn]), LastStatus: aws.String("RUNNING")})
	}
	return out, nil
}

// answered is an API error as the SDK returns it.
func answered(status int, err error) error {
	return &smithy.OperationError{ServiceID: "ECS", OperationName: "Op", Err: &awshttp.ResponseError{
		RequestID: "r-1", ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err},
	}}
}

func code(status int, code, message string) error {
	return answered(status, &smithy.GenericAPIError{Code: code, Message: message})
}

func clientError(message string) error {
	return answered(400, &types.ClientException{Message: aws.String(message)})
}

func invalid(message string) error {
	return answered(400, &types.InvalidParameterException{Message: aws.String(message)})
}

var errNoConnection = &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")}

func newPlatform(c *cluster) Platform {
	return Platform{
		ECS: c, Cluster: "ci", FleetName: "ci",
		Definition: Definition{
			Repository: "1.dkr.ecr.r.amazonaws.com/ci", ExecutionRole: "arn:aws:iam::1:role/execution", TaskRole: "arn:aws:iam::1:role/empty",
			LogGroup: "/ecsrunner/ci", Region: "r",
		},
		Network: Network{Subnets: []string{"subnet-2", "subnet-1"}, SecurityGroups: []string{"sg-1"}, AssignPublicIP: true},
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
