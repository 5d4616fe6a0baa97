package stepfn

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// controller is the part of Step Functions' API that only operators need.
type controller interface {
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	StopExecution(context.Context, *sfn.StopExecutionInput, ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
}

// Control lists and stops the executions of a fleet. No function of the fleet may:
// an execution ends by itself unless an operator stops it.
type Control struct {
	SFN             controller
	StateMachineARN string
	FleetName       string
}

// Running lists the names of this fleet's executions that run, sorted. The list is
// some seconds behind starts and ends.
func (c Control) Running(ctx context.Context) ([]string, error) {
	var names []string
	pages := sfn.NewListExecutionsPaginator(c.SFN, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(c.StateMachineARN), StatusFilter: types.ExecutionStatusRunning, MaxResults: 1000,
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.CallError(err, "list the executions that run of %s", c.StateMachineARN)
		}
		for _, e := range out.Executions {
			name := aws.ToString(e.Name)
			if id, _, ours := fleet.ParseRunnerID(c.FleetName, name); ours && id == name {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stop ends an execution of this fleet at once, in any state. An execution that has
// ended, or is not known, is no error.
func (c Control) Stop(ctx context.Context, name, cause string) error {
	arn, err := executionARN(c.StateMachineARN, name)
	if err != nil {
		return err
	}
	_, err = c.SFN.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: aws.String(arn), Error: aws.String(fleet.RunnerNotWanted), Cause: aws.String(awserr.Cause(cause)),
	})
	if is[*types.ExecutionDoesNotExist](err) {
		return nil
	}
	return awserr.CallError(err, "stop execution %s", name)
}
