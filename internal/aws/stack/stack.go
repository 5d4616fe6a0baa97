// Package stack finds a deployed fleet by the outputs of its CloudFormation stack.
//
// A stack that is being made, or whose making was rolled back, exists and has no
// outputs. Find distinguishes it from a stack that is not a fleet's.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// client is the part of CloudFormation's API that finding a fleet needs.
type client interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
}

// NotFound says that the account has no such stack in the requested region.
type NotFound struct{ Name string }

func (e NotFound) Error() string { return fmt.Sprintf("there is no stack %s", e.Name) }

// NotDeployed says that the deployment of the stack never finished, and its status.
type NotDeployed struct{ Name, Status string }

func (e NotDeployed) Error() string {
	return fmt.Sprintf("stack %s is not deployed: it is %s", e.Name, e.Status)
}

// NotAFleet says that the stack lacks outputs that every fleet has.
type NotAFleet struct {
	Name    string
	Missing []string
}

func (e NotAFleet) Error() string {
	return fmt.Sprintf("stack %s is not a fleet: it has no output %s", e.Name, strings.Join(e.Missing, " and no output "))
}

// Stack is a fleet's stack.
type Stack struct {
	Name      string
	Status    string    // as UPDATE_COMPLETE
	UpdatedAt time.Time // when it was deployed last
	outputs   map[string]string
}

// Settled reports whether the last deployment went through.
func (s Stack) Settled() bool {
	return strings.HasSuffix(s.Status, "_COMPLETE") && !strings.Contains(s.Status, "ROLLBACK")
}

// Output is the value of an output of package deployment, "" if the stack has none: a
// stack of another release may lack outputs that neither Find nor the caller needs.
func (s Stack) Output(key string) string { return s.outputs[key] }

// required are the outputs without which a stack is not a fleet.
var required = [...]string{deployment.OutputFleetName, deployment.OutputTable}

// Find reads a fleet's stack by its name or ARN. It fails with NotFound, NotDeployed
// or NotAFleet, or as awserr.CallError says.
func Find(ctx context.Context, api client, name string) (Stack, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if isMissing(err) || err == nil && len(out.Stacks) == 0 {
		return Stack{}, NotFound{name}
	}
	if err != nil {
		return Stack{}, awserr.CallError(err, "describe stack %s", name)
	}
	found := Stack{Name: name, outputs: map[string]string{}}
	for _, o := range out.Stacks[0].Outputs {
		found.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	var missing []string
	for _, key := range required {
		if found.outputs[key] == "" {
			missing = append(missing, key)
		}
	}
	status := out.Stacks[0].StackStatus
	found.Status, found.UpdatedAt = string(status), aws.ToTime(cmp.Or(out.Stacks[0].LastUpdatedTime, out.Stacks[0].CreationTime))
	switch {
	case len(missing) == 0:
		return found, nil
	case len(found.outputs) == 0 && unfinished(status):
		return Stack{}, NotDeployed{name, string(status)}
	}
	return Stack{}, NotAFleet{name, missing}
}

// isMissing recognizes CloudFormation's answer for a stack that does not exist: a
// ValidationError, which only its text distinguishes from others.
func isMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist")
}

// unfinished reports whether a stack of that status was never deployed.
func unfinished(status types.StackStatus) bool {
	switch status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusImportComplete:
		return false
	}
	return !strings.HasPrefix(string(status), "UPDATE_") && !strings.HasPrefix(string(status), "IMPORT_")
}
