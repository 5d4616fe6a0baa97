package stepfn

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/sweep"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

const machineARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:ci"

var _ = lifecycle.Fleet{Executions: Executions{}}
var _ = sweep.Handler{Executions: Executions{}}

// states is Step Functions: it gives one answer and keeps its requests.
type states struct {
	err    error
	status types.ExecutionStatus
	asked  any
}

func (s *states) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	s.asked = in
	return &sfn.StartExecutionOutput{}, s.err
}

func (s *states) DescribeExecution(_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	s.asked = in
	if s.err != nil {
		return nil, s.err
	}
	return &sfn.DescribeExecutionOutput{Status: s.status}, nil
}

func (s *states) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	s.asked = in
	return &sfn.SendTaskSuccessOutput{}, s.err
}

func (s *states) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	s.asked = in
	return &sfn.SendTaskFailureOutput{}, s.err
}

func (s *states) SendTaskHeartbeat(_ context.Context, in *sfn.SendTaskHeartbeatInput, _ ...func(*sfn.Options)) (*sfn.SendTaskHeartbeatOutput, error) {
	s.asked = in
	return &sfn.SendTaskHeartbeatOutput{}, s.err
}

// answered is an API error as the SDK returns it.
func answered(status int, err error) error {
	return &smithy.OperationError{ServiceID: "SFN", OperationName: "Op", Err: &awshttp.ResponseError{
		RequestID: "r-1", ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err},
	}}
}

func code(status int, code string) error {
	return answered(status, &smithy.GenericAPIError{Code: code, Message: "because"})
}

// Results of the calls' answers: "" is no error, "plain" one without a name.
func TestAnswers(t *testing.T) {
	const plain = "plain"
	calls := map[string]func(Executions) error{
		"start":     func(e Executions) error { return e.Start(t.Context(), "ci-1-1", []byte("{}")) },
		"succeed":   func(e Executions) error { return e.Succeed(t.Context(), "secret-token", []byte("{}")) },
		"fail":      func(e Executions) error { return e.Fail(t.Context(), "secret-token", "A.B", "c") },
		"heartbeat": func(e Executions) error { return e.Heartbeat(t.Context(), "secret-token") },
		"running":   func(e Executions) error { _, _, err := e.Running(t.Context(), "ci-1-1"); return err },
	}
	signals := "succeed fail heartbeat"
	all := "start running " + signals
	tests := map[string]struct {
		calls string
		err   error
		want  string
	}{
		"it was done":                            {all, nil, ""},
		"a name that was started before":         {"start", answered(400, &types.ExecutionAlreadyExists{}), ""},
		"too many open executions":               {"start", answered(400, &types.ExecutionLimitExceeded{}), fleet.AWSUnavailable},
		"a state machine that is being deleted":  {"start", answered(400, &types.StateMachineDeleting{}), plain},
		"a state machine that there is not":      {"start", answered(400, &types.StateMachineDoesNotExist{}), plain},
		"an input that is none":                  {"start", answered(400, &types.InvalidExecutionInput{}), plain},
		"a token that is closed or out of time":  {signals, answered(400, &types.TaskTimedOut{}), ""},
		"a token whose execution has ended":      {signals, answered(400, &types.TaskDoesNotExist{}), ""},
		"a token that is none":                   {signals, answered(400, &types.InvalidToken{}), plain},
		"an output that is none":                 {"succeed", answered(400, &types.InvalidOutput{}), plain},
		"a key's service that throttles":         {signals, answered(400, &types.KmsThrottlingException{}), fleet.AWSUnavailable},
		"a key that may not be used":             {signals, answered(400, &types.KmsAccessDeniedException{}), plain},
		"an execution that was never started":    {"running", answered(400, &types.ExecutionDoesNotExist{}), ""},
		"a throttle":                             {all, code(400, "ThrottlingException"), fleet.AWSUnavailable},
		"a mistake of AWS":                       {all, code(500, "InternalFailure"), fleet.AWSUnavailable},
		"a service that is away":                 {all, answered(503, errors.New("no JSON")), fleet.AWSUnavailable},
		"credentials that have run out":          {all, code(400, "ExpiredTokenException"), fleet.AWSUnavailable},
		"a permission that lacks":                {all, code(400, "AccessDeniedException"), plain},
		"no connection":                          {all, &smithyhttp.RequestSendError{Err: errors.New("connection refused")}, fleet.AWSUnavailable},
		"no time left":                           {all, &aws.RequestCanceledError{Err: context.DeadlineExceeded}, fleet.AWSUnavailable},
		"a caller that gave up":                  {all, &aws.RequestCanceledError{Err: context.Canceled}, plain},
		"an error that nobody has thought about": {all, errors.New("what is this"), plain},
	}
	for sentence, test := range tests {
		for _, call := range strings.Fields(test.calls) {
			t.Run(sentence+"/"+call, func(t *testing.T) {
				err := calls[call](Executions{SFN: &states{err: test.err, status: types.ExecutionStatusRunning}, StateMachineARN: machineARN})
				got := fleet.ErrorName(err)
				if got == "" && err != nil {
					got = plain
				}
				if got != test.want {
					t.Errorf("got %q (%v), want %q", got, err, test.want)
				}
				if err != nil && (!errors.Is(err, test.err) || strings.Contains(err.Error(), "secret-token")) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestRunning(t *testing.T) {
	tests := map[string]struct {
		status         types.ExecutionStatus
		err            error
		running, known bool
	}{
		"it runs":                 {types.ExecutionStatusRunning, nil, true, true},
		"it is to be redriven":    {types.ExecutionStatusPendingRedrive, nil, true, true},
		"it ended green":          {types.ExecutionStatusSucceeded, nil, false, true},
		"it ended red":            {types.ExecutionStatusFailed, nil, false, true},
		"its time was over":       {types.ExecutionStatusTimedOut, nil, false, true},
		"somebody stopped it":     {types.ExecutionStatusAborted, nil, false, true},
		"it was never started":    {"", answered(400, &types.ExecutionDoesNotExist{}), false, false},
		"nobody knows, as of now": {"", code(400, "ThrottlingException"), false, false},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			s := &states{err: test.err, status: test.status}
			running, known, _ := Executions{SFN: s, StateMachineARN: machineARN}.Running(t.Context(), "ci-1-1")
			if running != test.running || known != test.known {
				t.Errorf("running %v, known %v", running, known)
			}
			asked := s.asked.(*sfn.DescribeExecutionInput)
			if *asked.ExecutionArn != "arn:aws:states:eu-west-1:123456789012:execution:ci:ci-1-1" || asked.IncludedData != types.IncludedDataMetadataOnly {
				t.Errorf("asked for %s, %s", *asked.ExecutionArn, asked.IncludedData)
			}
		})
	}
}

func TestExecutionARN(t *testing.T) {
	tests := map[string]struct{ machine, want string }{
		"a state machine":       {"arn:aws:states:r:1:stateMachine:ci", "arn:aws:states:r:1:execution:ci:x"},
		"a version of it":       {"arn:aws:states:r:1:stateMachine:ci:7", "arn:aws:states:r:1:execution:ci:x"},
		"one of another part":   {"arn:aws-cn:states:r:1:stateMachine:ci", "arn:aws-cn:states:r:1:execution:ci:x"},
		"an express execution":  {"arn:aws:states:r:1:express:ci:x:y", ""},
		"one without a name":    {"arn:aws:states:r:1:stateMachine:", ""},
		"a name instead of one": {"ci", ""},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			got, err := executionARN(test.machine, "x")
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestStartSendsNameAndInput(t *testing.T) {
	s := &states{}
	if err := (Executions{SFN: s, StateMachineARN: machineARN}).Start(t.Context(), "ci-1-1", []byte(`{"schema":1}`)); err != nil {
		t.Fatal(err)
	}
	in := s.asked.(*sfn.StartExecutionInput)
	if *in.Name != "ci-1-1" || *in.Input != `{"schema":1}` || *in.StateMachineArn != machineARN {
		t.Errorf("sent %s %s %s", *in.Name, *in.Input, *in.StateMachineArn)
	}
}

func TestFailKeepsToTheLimits(t *testing.T) {
	tests := map[string]struct{ name, cause, wantName, wantCause string }{
		"short ones":                 {"A.B", "why", "A.B", "why"},
		"a name that is too long":    {strings.Repeat("n", 300), "", strings.Repeat("n", 256), ""},
		"a cause that is too long":   {"", strings.Repeat("c", 40000), "", strings.Repeat("c", 32768)},
		"a character on the border":  {"", strings.Repeat("c", 32767) + "’", "", strings.Repeat("c", 32767)},
		"a cause as long as allowed": {"", strings.Repeat("c", 32765) + "’", "", strings.Repeat("c", 32765) + "’"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			s := &states{}
			if err := (Executions{SFN: s}).Fail(t.Context(), "t", test.name, test.cause); err != nil {
				t.Fatal(err)
			}
			in := s.asked.(*sfn.SendTaskFailureInput)
			if *in.Error != test.wantName || *in.Cause != test.wantCause {
				t.Errorf("sent a name of %d and a cause of %d bytes", len(*in.Error), len(*in.Cause))
			}
		})
	}
}
