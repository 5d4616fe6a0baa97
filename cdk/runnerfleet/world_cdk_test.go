//go:build cdk

package runnerfleet_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// TestMain closes the one Node process that all tests of this package talk to. The
// CDK for Go has no locks, so no test here may be parallel.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// parse reads a configuration.
func parse(t *testing.T, lines ...string) runnerfleet.Config {
	t.Helper()
	c, err := runnerfleet.Parse([]byte("github_repo: octo-org/example\n"+strings.Join(lines, "\n")), "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newApp is an app that compiles nothing.
func newApp() awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"aws:cdk:bundling-stacks": []string{}}})
}

func newStack(app awscdk.App, id string) awscdk.Stack {
	return awscdk.NewStack(app, jsii.String(id), nil)
}

// synth makes the template of a stack with one fleet.
func synth(t *testing.T, props runnerfleet.Props) template {
	t.Helper()
	if err := props.Check(); err != nil {
		t.Fatal(err)
	}
	stack := newStack(newApp(), "ecsrunner-test")
	runnerfleet.New(stack, "Fleet", props)
	return templateOf(t, stack)
}

// of is the template of a fleet with a configuration's lines.
func of(t *testing.T, lines ...string) template {
	t.Helper()
	return synth(t, runnerfleet.Props{Config: parse(t, lines...)})
}

func templateOf(t *testing.T, stack awscdk.Stack) template {
	t.Helper()
	encoded, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var parsed template
	if err := json.Unmarshal(encoded, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// newVPC is a caller's own VPC, with or without private subnets.
func newVPC(stack awscdk.Stack, private bool) awsec2.Vpc {
	nat := 0
	if private {
		nat = 1
	}
	return awsec2.NewVpc(stack, jsii.String("Own"), &awsec2.VpcProps{MaxAzs: jsii.Number(2), NatGateways: jsii.Number(nat), RestrictDefaultSecurityGroup: jsii.Bool(false)})
}
