//go:build aws && browser

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestConsoleOfAStackInABrowser looks at a busy fleet on moto in a real browser: its records,
// executions of the real state machine and a log, found by the name of a stack. The pictures
// are in build/screenshots.
func TestConsoleOfAStackInABrowser(t *testing.T) {
	shots := screenshots(t)
	stack := busyStack(t)

	t.Run("every page", func(t *testing.T) {
		shown := serveConsole(t, "--stack", stack)
		drive(t, func(said string) {
			var answer struct{ Run, Text string }
			if err := json.Unmarshal([]byte(said), &answer); err != nil {
				t.Fatal(err)
			}
			sameAnswer(t, stack, answer.Run, answer.Text)
		}, "stack", shown.link, shots)
	})
	t.Run("changes", func(t *testing.T) {
		shown := serveConsole(t, "--stack", stack, "--allow-changes")
		drive(t, nil, "changes", shown.link, shots)
		wants(t, printed(t, []string{"events", "list", "--stack", stack}), "pause", "moving subnets", "resume")
	})
}

// sameAnswer compares what the page of a run says with what the command says now. A text
// that tells how long something takes may pass a second between the two.
func sameAnswer(t *testing.T, stack, run, text string) {
	t.Helper()
	says := printed(t, []string{"why", run, "--stack", stack})
	if got, want := withoutTimes(text), withoutTimes(says); got != want {
		t.Errorf("the page of %s says:\n%s\nand the command:\n%s", run, text, says)
	}
}

// busyStack deploys a busy fleet on moto.
func busyStack(t *testing.T) (stack string) {
	t.Helper()
	nowhere(t)
	functions := newWalks(t)
	functions.queue = map[string]map[string][]saying{
		fmt.Sprintf("fleet-%d-1", consoletest.Swapped): functions.queue["ci-1001-1"],
		fmt.Sprintf("fleet-%d-1", consoletest.Failing): functions.queue["ci-1002-1"],
	}
	cfg := awstest.StateMachines(t, functions)
	f := fleetOnMoto{t, cfg}
	f.table("busy-records")
	sizes, err := json.Marshal(consoletest.Policy().Classes)
	f.check(err)
	f.parameter("/busy/classes", string(sizes))
	store := dynamo.New(dynamodb.NewFromConfig(cfg), "busy-records", dynamo.Options{Retention: deployment.Retention, Now: time.Now, NewID: rand.Text})
	f.check(consoletest.Fill(t.Context(), inTransactions{store}, time.Now()))
	f.log("/busy/runners", "runner/runner/"+fmt.Sprintf("%032x", consoletest.Running), "Running job: build", "\x1b[32mgreen\x1b[0m <script>alert('log')</script>", "日本語")

	stacks := httptest.NewServer(describeStacks{"busy": {"UPDATE_COMPLETE", map[string]string{
		deployment.OutputFleetName: "fleet", deployment.OutputTable: "busy-records", deployment.OutputClassSizes: "/busy/classes",
		deployment.OutputStateMachine: functions.play(t, cfg), deployment.OutputRunnerLogs: "/busy/runners",
		deployment.OutputCluster: "busy-cluster", deployment.OutputBus: "default", deployment.OutputBuildProject: "busy-images",
		deployment.OutputRepository: "123456789012.dkr.ecr.us-east-1.amazonaws.com/busy", deployment.OutputGitHubPAT: "busy/pat",
		deployment.OutputWebhookURL: "https://abc.example/webhook",
	}}})
	t.Cleanup(stacks.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *cfg.BaseEndpoint, "AWS_ENDPOINT_URL_CLOUDFORMATION": stacks.URL, "AWS_REGION": cfg.Region,
		"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*",
	} {
		t.Setenv(name, value)
	}
	return "busy"
}

// inTransactions writes as much at once as one of DynamoDB's transactions takes, 100 items.
type inTransactions struct{ *dynamo.Store }

func (s inTransactions) Write(ctx context.Context, changes fleet.Changes) error {
	for len(changes.Runs)+len(changes.Runners) > 0 {
		part := changes
		part.Runs, changes.Runs = cutAt(changes.Runs, 30)
		part.Runners, changes.Runners = cutAt(changes.Runners, 30)
		if err := s.Store.Write(ctx, part); err != nil {
			return err
		}
		changes.Capacity, changes.Holds, changes.Actions = nil, nil, nil
	}
	return nil
}

func cutAt[T any](all []T, n int) (part, rest []T) {
	n = min(n, len(all))
	return slices.Clone(all[:n]), all[n:]
}
