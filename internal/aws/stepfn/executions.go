// Package stepfn starts, signals and looks at the executions of the fleet's state machine
// on Step Functions, and lists and stops them for operators.
//
// Step Functions answers TaskTimedOut for every closed task, whatever closed it: a
// signal that comes too late is no error.
package stepfn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
)

// client is the part of Step Functions' API that executions need.
type client interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
	SendTaskHeartbeat(context.Context, *sfn.SendTaskHeartbeatInput, ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error)
}

// Executions are those of one state machine. All methods may be repeated; their
// errors are those of awserr.CallError. No error has a task token in its text.
type Executions struct {
	SFN             client
	StateMachineARN string
}

// Start starts the execution of that name. An execution that exists already, running or
// ended, is left as it is and is no error.
func (e Executions) Start(ctx context.Context, name string, input []byte) error {
	_, err := e.SFN.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(e.StateMachineARN),
		Name:            aws.String(name),
		Input:           aws.String(string(input)),
	})
	if is[*types.ExecutionAlreadyExists](err) {
		return nil
	}
	return awserr.CallError(err, "start execution %s", name)
}

// Succeed completes a task. A closed token is no error; a text that is no token of Step
// Functions is one.
func (e Executions) Succeed(ctx context.Context, token string, output []byte) error {
	_, err := e.SFN.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String(token), Output: aws.String(string(output))})
	return signalError(err, "success")
}

// Fail is Succeed for a task that failed. Name and cause are cut to what Step Functions
// accepts, 256 and 32768 bytes.
func (e Executions) Fail(ctx context.Context, token, name, cause string) error {
	_, err := e.SFN.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: aws.String(token),
		Error:     aws.String(awserr.Name(name)),
		Cause:     aws.String(awserr.Cause(cause)),
	})
	return signalError(err, "failure")
}

// Heartbeat is Succeed for a task that goes on.
func (e Executions) Heartbeat(ctx context.Context, token string) error {
	_, err := e.SFN.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: aws.String(token)})
	return signalError(err, "heartbeat")
}

// signalError treats TaskTimedOut as what it means: the task is closed, for any reason,
// not only because its time is over.
func signalError(err error, signal string) error {
	if is[*types.TaskTimedOut](err) || is[*types.TaskDoesNotExist](err) {
		return nil
	}
	return awserr.CallError(err, "send task %s", signal)
}

// Running reports the state of the execution of that name; known is false if it was
// never started. Step Functions sees a start only after some delay.
func (e Executions) Running(ctx context.Context, name string) (running, known bool, err error) {
	arn, err := executionARN(e.StateMachineARN, name)
	if err != nil {
		return false, false, err
	}
	out, err := e.SFN.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: aws.String(arn), IncludedData: types.IncludedDataMetadataOnly})
	if is[*types.ExecutionDoesNotExist](err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, awserr.CallError(err, "describe execution %s", name)
	}
	return out.Status == types.ExecutionStatusRunning || out.Status == types.ExecutionStatusPendingRedrive, true, nil
}

// executionARN derives an execution's ARN; a version or alias of the state machine
// is no part of it.
func executionARN(stateMachineARN, name string) (string, error) {
	prefix, machine, ok := strings.Cut(stateMachineARN, ":stateMachine:")
	machine, _, _ = strings.Cut(machine, ":")
	if !ok || machine == "" {
		return "", fmt.Errorf("%q is no ARN of a state machine", stateMachineARN)
	}
	return prefix + ":execution:" + machine + ":" + name, nil
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
