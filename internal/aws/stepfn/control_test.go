package stepfn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// listed are the executions of a state machine, two a page.
type listed struct {
	names   []string
	err     error
	stopped []*sfn.StopExecutionInput
}

func (l *listed) ListExecutions(_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	if l.err != nil {
		return nil, l.err
	}
	if aws.ToString(in.StateMachineArn) != machineARN || in.StatusFilter != types.ExecutionStatusRunning {
		return nil, errors.New("asked for something else")
	}
	from := len(aws.ToString(in.NextToken)) * 2
	to := min(len(l.names), from+2)
	out := &sfn.ListExecutionsOutput{}
	for _, name := range l.names[from:to] {
		out.Executions = append(out.Executions, types.ExecutionListItem{Name: aws.String(name)})
	}
	if to < len(l.names) {
		out.NextToken = aws.String(aws.ToString(in.NextToken) + "n")
	}
	return out, nil
}

func (l *listed) StopExecution(_ context.Context, in *sfn.StopExecutionInput, _ ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error) {
	l.stopped = append(l.stopped, in)
	return &sfn.StopExecutionOutput{}, l.err
}

func TestExecutionsThatRun(t *testing.T) {
	l := &listed{names: []string{"ci-9-1", "ci-7-2", "ci-2-7-1", "by-hand", "ci-7-1"}}
	c := Control{SFN: l, StateMachineARN: machineARN, FleetName: "ci"}
	got, err := c.Running(t.Context())
	if want := []string{"ci-7-1", "ci-7-2", "ci-9-1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	l.err = &smithy.GenericAPIError{Code: "ThrottlingException"}
	if _, err := c.Running(t.Context()); !fleet.IsNamed(err, fleet.AWSUnavailable) {
		t.Errorf("a throttle: %v", err)
	}
}

func TestStop(t *testing.T) {
	for sentence, test := range map[string]struct {
		err  error
		name string
		ok   bool
	}{
		"one that runs":              {nil, "", true},
		"one that is not known":      {&types.ExecutionDoesNotExist{}, "", true},
		"a throttle":                 {&smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable, false},
		"a permission that it lacks": {&smithy.GenericAPIError{Code: "AccessDeniedException"}, "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := &listed{err: test.err}
			err := Control{SFN: l, StateMachineARN: machineARN, FleetName: "ci"}.Stop(t.Context(), "ci-7-1", strings.Repeat("x", 40000))
			if (err == nil) != test.ok || fleet.ErrorName(err) != test.name {
				t.Fatalf("%v", err)
			}
			in := l.stopped[0]
			if *in.ExecutionArn != "arn:aws:states:eu-west-1:123456789012:execution:ci:ci-7-1" || *in.Error != fleet.RunnerNotWanted || len(*in.Cause) > awserr.MaxCause {
				t.Errorf("asked for %s, %s, %d characters", *in.ExecutionArn, *in.Error, len(*in.Cause))
			}
		})
	}
	if err := (Control{SFN: &listed{}, StateMachineARN: "ci"}).Stop(t.Context(), "ci-7-1", ""); err == nil {
		t.Error("an ARN that is none")
	}
}
