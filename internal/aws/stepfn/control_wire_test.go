//go:build aws

package stepfn

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
)

func TestMotoControl(t *testing.T) {
	client := sfn.NewFromConfig(awstest.Config(t))
	machine, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("control"), RoleArn: aws.String("arn:aws:iam::123456789012:role/control"),
		Definition: aws.String(`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3600,"End":true}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := Executions{SFN: client, StateMachineARN: *machine.StateMachineArn}
	for _, name := range []string{"ci-1-1", "ci-2-1", "ci-2-2-1"} {
		if err := e.Start(t.Context(), name, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	c := Control{SFN: client, StateMachineARN: e.StateMachineARN, FleetName: "ci"}
	run := func(want ...string) {
		t.Helper()
		if got, err := c.Running(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	run("ci-1-1", "ci-2-1")
	for range 2 {
		if err := c.Stop(t.Context(), "ci-1-1", "drained"); err != nil {
			t.Error(err)
		}
	}
	run("ci-2-1")
	if err := c.Stop(t.Context(), "ci-3-1", "drained"); err != nil {
		t.Errorf("one that was never started: %v", err)
	}
}
