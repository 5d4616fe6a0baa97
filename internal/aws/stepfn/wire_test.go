//go:build aws

package stepfn

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

func TestMotoExecutions(t *testing.T) {
	client := sfn.NewFromConfig(awstest.Config(t))
	machine, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("stepfn"), RoleArn: aws.String("arn:aws:iam::123456789012:role/stepfn"),
		Definition: aws.String(`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3600,"End":true}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := Executions{SFN: client, StateMachineARN: *machine.StateMachineArn}
	stands := func(name string, running, known bool) {
		t.Helper()
		r, k, err := e.Running(t.Context(), name)
		if err != nil || r != running || k != known {
			t.Errorf("%s: running %v, known %v, %v", name, r, k, err)
		}
	}
	stands("ci-1-1", false, false)
	for _, input := range []string{`{"a":1}`, `{"a":1}`, `{"a":2}`} { // the last is refused, for its input is another
		if err := e.Start(t.Context(), "ci-1-1", []byte(input)); err != nil {
			t.Errorf("start with %s: %v", input, err)
		}
	}
	stands("ci-1-1", true, true)
	arn, err := executionARN(e.StateMachineARN, "ci-1-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: aws.String(arn)}); err != nil {
		t.Fatal(err)
	}
	stands("ci-1-1", false, true)
	if err := e.Start(t.Context(), "ci-1-1", []byte(`{"a":1}`)); err != nil {
		t.Errorf("start again after the end: %v", err)
	}
	stands("ci-1-1", false, true)
	if err := e.Start(t.Context(), "no name", nil); err == nil {
		t.Error("a name with a space is started")
	}
}
