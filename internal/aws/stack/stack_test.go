package stack

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// answer is a CloudFormation that gives one answer.
type answer struct {
	stacks []types.Stack
	err    error
}

func (a answer) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if aws.ToString(in.StackName) != "ci" {
		return nil, errors.New("another stack is asked for")
	}
	return &cloudformation.DescribeStacksOutput{Stacks: a.stacks}, a.err
}

func stackWith(status types.StackStatus, outputs ...string) answer {
	s := types.Stack{StackName: aws.String("ci"), StackStatus: status}
	for _, o := range outputs {
		key, value, _ := strings.Cut(o, "=")
		s.Outputs = append(s.Outputs, types.Output{OutputKey: aws.String(key), OutputValue: aws.String(value)})
	}
	return answer{stacks: []types.Stack{s}}
}

func TestFind(t *testing.T) {
	missing := &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id ci does not exist"}
	for name, c := range map[string]struct {
		says answer
		want string // the table, or the error
	}{
		"a fleet": {
			stackWith("CREATE_COMPLETE", "FleetName=ci", "RunnerStateTable=ci-runs"), "ci-runs",
		},
		"a fleet that is just updated": {
			stackWith("UPDATE_IN_PROGRESS", "FleetName=ci", "RunnerStateTable=ci-runs"), "ci-runs",
		},
		"no stack": {
			answer{err: missing}, "there is no stack ci",
		},
		"an answer without a stack": {
			answer{}, "there is no stack ci",
		},
		"a stack that is being made": {
			stackWith("CREATE_IN_PROGRESS"), "stack ci is not deployed: it is CREATE_IN_PROGRESS",
		},
		"a stack whose making failed": {
			stackWith("ROLLBACK_COMPLETE"), "stack ci is not deployed: it is ROLLBACK_COMPLETE",
		},
		"somebody else's stack": {
			stackWith("CREATE_COMPLETE"), "stack ci is not a fleet: it has no output FleetName and no output RunnerStateTable",
		},
		"somebody else's stack with outputs, being taken away": {
			stackWith("DELETE_IN_PROGRESS", "FleetName=ci"), "stack ci is not a fleet: it has no output RunnerStateTable",
		},
		"a wrong name": {
			answer{err: &smithy.GenericAPIError{Code: "ValidationError", Message: "1 validation error"}}, "describe stack ci: api error ValidationError: 1 validation error",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Find(t.Context(), c.says, "ci")
			got := found.Output(deployment.OutputTable)
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
