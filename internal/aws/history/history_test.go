package history

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/execution"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

const (
	machine = "arn:aws:states:us-east-1:123456789012:stateMachine:ci-runner"
	arn     = "arn:aws:states:us-east-1:123456789012:execution:ci-runner:ci-7-1"
	token   = "AQCEAAAAKgAAAAMAAAAAAAAAAb+/=="
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// stepFunctions has one execution, and pages of two.
type stepFunctions struct {
	history []types.HistoryEvent
	listed  int
	calls   int
	err     error

	partition string // "" is aws
}

// in is an ARN in the partition.
func (s *stepFunctions) in(arn string) string {
	return strings.Replace(arn, "arn:aws:", "arn:"+stdcmp.Or(s.partition, "aws")+":", 1)
}

func (s *stepFunctions) DescribeExecution(_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	if aws.ToString(in.ExecutionArn) != arn {
		return nil, &types.ExecutionDoesNotExist{}
	}
	return &sfn.DescribeExecutionOutput{
		Status: types.ExecutionStatusPendingRedrive, Input: aws.String(`{"schema":1}`), StartDate: &noon,
	}, s.err
}

func (s *stepFunctions) GetExecutionHistory(_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error) {
	if aws.ToString(in.ExecutionArn) != s.in(arn) {
		return nil, &types.ExecutionDoesNotExist{}
	}
	if !aws.ToBool(in.IncludeExecutionData) {
		return nil, errors.New("without data")
	}
	s.calls++
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	to := min(from+2, len(s.history))
	out := &sfn.GetExecutionHistoryOutput{Events: s.history[from:to]}
	if to < len(s.history) {
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	return out, s.err
}

func (s *stepFunctions) ListExecutions(_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	s.calls++
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	to := min(from+min(2, int(in.MaxResults)), s.listed)
	out := &sfn.ListExecutionsOutput{}
	for i := from; i < to; i++ {
		out.Executions = append(out.Executions, types.ExecutionListItem{Name: aws.String(fmt.Sprint("x", i)), Status: types.ExecutionStatusRunning, StartDate: &noon})
	}
	if to < s.listed {
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	return out, s.err
}

// numbered gives events their numbers and times, a second apart.
func numbered(all ...types.HistoryEvent) []types.HistoryEvent {
	for i := range all {
		at := noon.Add(time.Duration(i) * time.Second)
		all[i].Id, all[i].PreviousEventId, all[i].Timestamp = int64(i+1), int64(i), &at
	}
	return all
}

func read(t *testing.T, all ...types.HistoryEvent) []execution.Event {
	t.Helper()
	got, err := Executions{&stepFunctions{history: numbered(all...)}, machine}.History(t.Context(), "ci-7-1")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func waiting(parameters string) types.HistoryEvent {
	return types.HistoryEvent{Type: "TaskScheduled", TaskScheduledEventDetails: &types.TaskScheduledEventDetails{
		ResourceType: aws.String("lambda"), Resource: aws.String("invoke.waitForTaskToken"), Parameters: &parameters,
		TimeoutInSeconds: aws.Int64(60), HeartbeatInSeconds: aws.Int64(30),
	}}
}

// The resource is shown as the definition has it in the state machine's partition.
func TestResourcesAreOfTheStateMachinesPartition(t *testing.T) {
	for _, partition := range []string{"aws", "aws-us-gov", "aws-cn"} {
		s := &stepFunctions{history: numbered(waiting("{}")), partition: partition}
		got, err := Executions{s, s.in(machine)}.History(t.Context(), "ci-7-1")
		if want := "arn:" + partition + ":states:::lambda:invoke.waitForTaskToken"; err != nil || got[0].Resource != want {
			t.Errorf("resource %+v, want %q: %v", got, want, err)
		}
	}
}

func TestHistoryIsThatOfTheEngine(t *testing.T) {
	got := read(t,
		types.HistoryEvent{Type: "ExecutionStarted", ExecutionStartedEventDetails: &types.ExecutionStartedEventDetails{Input: aws.String(`{"a":1}`), RoleArn: aws.String("arn:role")}},
		types.HistoryEvent{Type: "TaskStateEntered", StateEnteredEventDetails: &types.StateEnteredEventDetails{Name: aws.String("RunTask"), Input: aws.String(`{"a":1}`)}},
		waiting(`{"FunctionName":"f","Payload":{"runner_id":"ci-7-1","task_token":"`+token+`","n":12345678901234567890}}`),
		types.HistoryEvent{Type: "TaskStarted", TaskStartedEventDetails: &types.TaskStartedEventDetails{}},
		types.HistoryEvent{Type: "TaskSubmitted", TaskSubmittedEventDetails: &types.TaskSubmittedEventDetails{
			ResourceType: aws.String("lambda"), Resource: aws.String("invoke.waitForTaskToken"), Output: aws.String(`{"Payload":{}}`)}},
		types.HistoryEvent{Type: "TaskSucceeded", TaskSucceededEventDetails: &types.TaskSucceededEventDetails{Output: aws.String(`{"outcome":"took"}`)}},
		types.HistoryEvent{Type: "TaskStateExited", StateExitedEventDetails: &types.StateExitedEventDetails{Name: aws.String("RunTask"), Output: aws.String(`no JSON`)}},
		types.HistoryEvent{Type: "ExecutionFailed", ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: aws.String("Image.BuildFailed"), Cause: aws.String("the build failed")}},
	)
	resource := "arn:aws:states:::lambda:invoke.waitForTaskToken"
	want := []execution.Event{
		{Type: "ExecutionStarted", Input: json.RawMessage(`{"a":1}`)},
		{Type: "TaskStateEntered", State: "RunTask", Input: json.RawMessage(`{"a":1}`)},
		{Type: "TaskScheduled", State: "RunTask", Resource: resource, TimeoutSeconds: 60, HeartbeatSeconds: 30,
			Input: json.RawMessage(`{"FunctionName":"f","Payload":{"n":12345678901234567890,"runner_id":"ci-7-1","task_token":"[task token]"}}`)},
		{Type: "TaskStarted", State: "RunTask"},
		{Type: "TaskSubmitted", State: "RunTask", Resource: resource},
		{Type: "TaskSucceeded", State: "RunTask", Output: json.RawMessage(`{"outcome":"took"}`)},
		{Type: "TaskStateExited", State: "RunTask", Output: json.RawMessage(`"no JSON"`)},
		{Type: "ExecutionFailed", Error: "Image.BuildFailed", Cause: "the build failed"},
	}
	for i := range want {
		want[i].ID, want[i].PreviousEventID, want[i].Timestamp = int64(i+1), int64(i), noon.Add(time.Duration(i)*time.Second)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Every way in which Step Functions says that something failed keeps its name and cause.
func TestFailuresKeepTheirNames(t *testing.T) {
	name, cause := aws.String("A.B"), aws.String("why")
	for kind, e := range map[string]types.HistoryEvent{
		"a function that failed":              {LambdaFunctionFailedEventDetails: &types.LambdaFunctionFailedEventDetails{Error: name, Cause: cause}},
		"a function that took too long":       {LambdaFunctionTimedOutEventDetails: &types.LambdaFunctionTimedOutEventDetails{Error: name, Cause: cause}},
		"a function that was not scheduled":   {LambdaFunctionScheduleFailedEventDetails: &types.LambdaFunctionScheduleFailedEventDetails{Error: name, Cause: cause}},
		"a function that did not start":       {LambdaFunctionStartFailedEventDetails: &types.LambdaFunctionStartFailedEventDetails{Error: name, Cause: cause}},
		"a task that failed":                  {TaskFailedEventDetails: &types.TaskFailedEventDetails{Error: name, Cause: cause}},
		"a task that took too long":           {TaskTimedOutEventDetails: &types.TaskTimedOutEventDetails{Error: name, Cause: cause}},
		"a task that did not start":           {TaskStartFailedEventDetails: &types.TaskStartFailedEventDetails{Error: name, Cause: cause}},
		"a task that was not submitted":       {TaskSubmitFailedEventDetails: &types.TaskSubmitFailedEventDetails{Error: name, Cause: cause}},
		"an expression that makes no sense":   {EvaluationFailedEventDetails: &types.EvaluationFailedEventDetails{Error: name, Cause: cause}},
		"an execution that was stopped":       {ExecutionAbortedEventDetails: &types.ExecutionAbortedEventDetails{Error: name, Cause: cause}},
		"an execution that took too long":     {ExecutionTimedOutEventDetails: &types.ExecutionTimedOutEventDetails{Error: name, Cause: cause}},
		"an execution that ends with a cause": {ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: name, Cause: cause}},
	} {
		if got := read(t, e)[0]; got.Error != "A.B" || got.Cause != "why" {
			t.Errorf("%s: error %q, cause %q", kind, got.Error, got.Cause)
		}
	}
}

func TestNoTokenIsShown(t *testing.T) {
	said := `{"errorMessage":"token ` + token + ` is closed"}`
	for name, all := range map[string][]types.HistoryEvent{
		"in parameters": {
			waiting(`{"Payload":{"task_token":"` + token + `"}}`),
		},
		"escaped in parameters": {
			waiting(`{"Payload":{"list":[{"task_token":"` + strings.ReplaceAll(token, "/", `\/`) + `"}]}}`),
		},
		"under another name": {
			waiting(`{"Payload":{"secret":"` + token + `"}}`),
		},
		"in parameters that cannot be read": {
			waiting(`{"Payload":{"task_token":"` + token),
		},
		"in what a function said": {
			waiting(`{"Payload":{"task_token":"` + token + `"}}`),
			{TaskFailedEventDetails: &types.TaskFailedEventDetails{Error: aws.String(token), Cause: &said}},
			{StateExitedEventDetails: &types.StateExitedEventDetails{Output: aws.String(`{"said":"` + token + `"}`)}},
		},
	} {
		text, err := json.Marshal(read(t, all...))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("AQCE")) {
			t.Errorf("%s: a token is shown: %s", name, text)
		}
	}
}

// TestTokenHasItsName reads from the state machine under which name its functions get a
// token.
func TestTokenHasItsName(t *testing.T) {
	names := regexp.MustCompile(`"([^"]+)\.\$": *"\$\$\.Task\.Token"`).FindAllSubmatch(statemachine.Definition, -1)
	if len(names) == 0 {
		t.Fatal("no state has a token: this test holds for nothing")
	}
	for _, name := range names {
		if string(name[1]) != tokenKey {
			t.Errorf("a token is called %s, and %s is what is taken out", name[1], tokenKey)
		}
	}
}

func TestHistoryIsReadToItsEnd(t *testing.T) {
	api := &stepFunctions{history: numbered(make([]types.HistoryEvent, 5)...)}
	got, err := Executions{api, machine}.History(t.Context(), "ci-7-1")
	if err != nil || len(got) != 5 || api.calls != 3 {
		t.Errorf("%d events in %d calls, %v; want 5 in 3", len(got), api.calls, err)
	}
	if _, err := (Executions{api, machine}).History(t.Context(), "ci-8-1"); !errors.Is(err, execution.ErrDoesNotExist) {
		t.Errorf("of an execution that there is not: %v", err)
	}
}

func TestExecution(t *testing.T) {
	all := Executions{&stepFunctions{}, machine + ":7"} // a version of the machine
	got, ok, err := all.Execution(t.Context(), "ci-7-1")
	want := execution.Execution{Name: "ci-7-1", Status: execution.Running, Input: json.RawMessage(`{"schema":1}`), StartedAt: noon}
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Errorf("%t, %v, -want +got:\n%s", ok, err, diff)
	}
	if _, ok, err := all.Execution(t.Context(), "ci-8-1"); ok || err != nil {
		t.Errorf("an execution that there is not: %t, %v", ok, err)
	}
	if _, _, err := (Executions{&stepFunctions{}, "ci-runner"}).Execution(t.Context(), "ci-7-1"); err == nil || err.Error() != `"ci-runner" is no ARN of a state machine` {
		t.Errorf("of no state machine: %v", err)
	}
}

func TestExecutionListIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ there, limit, want, calls int }{
		"none":                 {0, 10, 0, 1},
		"fewer than may be":    {3, 10, 3, 2},
		"more than may be":     {9, 5, 5, 3},
		"as many as may be":    {4, 4, 4, 2},
		"nothing is asked for": {4, 0, 0, 0},
	} {
		api := &stepFunctions{listed: c.there}
		got, err := Executions{api, machine}.ExecutionList(t.Context(), c.limit)
		if err != nil || len(got) != c.want || api.calls != c.calls {
			t.Errorf("%s: %d in %d calls, %v; want %d in %d", name, len(got), api.calls, err, c.want, c.calls)
		}
	}
}

func TestConsoleURL(t *testing.T) {
	for machine, want := range map[string]string{
		machine: "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/" + arn,
		"arn:aws-cn:states:cn-north-1:1:stateMachine:m": "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/arn:aws-cn:states:cn-north-1:1:execution:m:ci-7-1",
		"arn:aws-new:states:x:1:stateMachine:m":         "",
		"no machine":                                    "",
		"short:stateMachine:m":                          "",
	} {
		if got := (Executions{StateMachineARN: machine}).ConsoleURL("ci-7-1"); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", machine, got, want)
		}
	}
}
