// Package history shows executions of Step Functions in the form of the engine's own.
//
// The history of a state that waits for a task token contains that token: anyone who
// may read the history could complete the task. This package removes it, so that
// nothing above it ever holds one.
package history

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
)

// client is the part of Step Functions' API that only reads.
type client interface {
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

const (
	page = 1000 // the most that a list or a history returns at once
	// longest is the number of events at which Step Functions ends an execution
	// (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
	longest = 25000
)

// Executions are those of one state machine. Errors are those of awserr.CallError.
type Executions struct {
	SFN             client
	StateMachineARN string
}

// Execution reads one execution; ok is false if it does not exist, or no longer: Step
// Functions forgets it 90 days after its end. Only the history has its current state.
func (e Executions) Execution(ctx context.Context, name string) (x execution.Execution, ok bool, err error) {
	arn, err := e.arn(name)
	if err != nil {
		return x, false, err
	}
	out, err := e.SFN.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn, IncludedData: types.IncludedDataAllData})
	if isMissing(err) {
		return x, false, nil
	}
	if err != nil {
		return x, false, awserr.CallError(err, "describe execution %s", name)
	}
	return execution.Execution{
		Name: name, Status: statusOf(out.Status),
		Input: data(out.Input), Output: data(out.Output), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause),
		StartedAt: utc(out.StartDate), StoppedAt: utc(out.StopDate),
	}, true, nil
}

// ExecutionList lists executions without their data, the latest started first, at
// most limit.
func (e Executions) ExecutionList(ctx context.Context, limit int) ([]execution.Execution, error) {
	var list []execution.Execution
	in := &sfn.ListExecutionsInput{StateMachineArn: &e.StateMachineARN}
	for len(list) < limit {
		in.MaxResults = int32(min(page, limit-len(list)))
		out, err := e.SFN.ListExecutions(ctx, in)
		if err != nil {
			return nil, awserr.CallError(err, "list executions of %s", e.StateMachineARN)
		}
		for _, x := range out.Executions {
			list = append(list, execution.Execution{
				Name: aws.ToString(x.Name), Status: statusOf(x.Status), StartedAt: utc(x.StartDate), StoppedAt: utc(x.StopDate),
			})
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return list[:min(len(list), limit)], nil
}

// History reads an execution's events, in their order and without a task token. It
// fails with execution.ErrDoesNotExist if there is no such execution.
func (e Executions) History(ctx context.Context, name string) ([]execution.Event, error) {
	arn, err := e.arn(name)
	if err != nil {
		return nil, err
	}
	var read []types.HistoryEvent
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, IncludeExecutionData: aws.Bool(true), MaxResults: page}
	for len(read) < longest {
		out, err := e.SFN.GetExecutionHistory(ctx, in)
		if isMissing(err) {
			return nil, fmt.Errorf("read the history of execution %s: %w", name, execution.ErrDoesNotExist)
		}
		if err != nil {
			return nil, awserr.CallError(err, "read the history of execution %s", name)
		}
		read = append(read, out.Events...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return events(read, strings.Split(arn, ":")[1]), nil
}

// arn is an execution's ARN; a version or alias of the state machine is no part of it.
func (e Executions) arn(name string) (string, error) {
	prefix, machine, ok := strings.Cut(e.StateMachineARN, ":stateMachine:")
	machine, _, _ = strings.Cut(machine, ":")
	if !ok || machine == "" {
		return "", fmt.Errorf("%q is no ARN of a state machine", e.StateMachineARN)
	}
	return prefix + ":execution:" + machine + ":" + name, nil
}

// statusOf reports an execution that is to be redriven as running.
func statusOf(s types.ExecutionStatus) execution.Status {
	if s == types.ExecutionStatusPendingRedrive {
		return execution.Running
	}
	return execution.Status(s)
}

func isMissing(err error) bool {
	var missing *types.ExecutionDoesNotExist
	return errors.As(err, &missing)
}
