//go:build aws

package main

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// TestFollowARunnerOnAWS follows a runner that has no task yet until its task has
// stopped. The test changes the world between two looks; no time passes.
func TestFollowARunnerOnAWS(t *testing.T) {
	cfg := awstest.Config(t)
	f := fleetOnMoto{t, cfg}
	f.table("follow")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *cfg.BaseEndpoint, "AWS_REGION": cfg.Region, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*",
		deployment.EnvTable: "follow", deployment.EnvRunnerLogs: "/follow/runners", deployment.EnvClassSizes: "", deployment.EnvStateMachine: "", dataDirVar: "",
	} {
		t.Setenv(name, value)
	}
	store := dynamo.New(dynamodb.NewFromConfig(cfg), "follow", dynamo.Options{Now: time.Now, NewID: rand.Text})
	runner := fleet.Runner{RunnerID: "ci-7-1", RunID: "job-7", Status: fleet.RunnerStarting, Phase: fleet.Open}
	becomes := func(change func(*fleet.Runner)) func() {
		return func() {
			if now, ok, err := store.Runner(t.Context(), runner.RunnerID); err != nil {
				t.Fatal(err)
			} else if ok {
				runner = now
			}
			change(&runner)
			f.check(store.Write(t.Context(), fleet.Changes{Runners: []fleet.Runner{runner}}))
		}
	}
	becomes(func(*fleet.Runner) {})()
	between := []func(){
		func() {},
		becomes(func(r *fleet.Runner) { r.TaskARN = "arn:aws:ecs:us-east-1:123456789012:task/ci/0e5f" }),
		func() { f.log("/follow/runners", "runner/runner/0e5f", "one", "two") },
		func() { f.moreLog("/follow/runners", "runner/runner/0e5f", "three") },
		func() {},
		becomes(func(r *fleet.Runner) { r.TaskStatus = fleet.TaskStopped }),
		func() { f.moreLog("/follow/runners", "runner/runner/0e5f", "late") },
	}

	opened, err := (&source{}).open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, err := logOf(t.Context(), opened, "ci-7-1")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	waits := 0
	err = follow(t.Context(), log, func(s string) error { lines = append(lines, s); return nil }, func(context.Context, time.Duration) {
		if waits < len(between) {
			between[waits]()
		}
		waits++
	})
	if want := []string{"one", "two", "three", "late"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("%q, %v; want %q", lines, err, want)
	}
	if want := len(between) + 3; waits != want {
		t.Errorf("it ends after %d waits, want %d", waits, want)
	}
}
