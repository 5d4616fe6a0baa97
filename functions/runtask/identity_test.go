package runtask_test

import (
	"encoding/json"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

var sts = runtask.Signed{Host: "sts.eu-west-1.amazonaws.com", Region: "eu-west-1"}

// A task whose claim must show it gets the STS to sign for, and no other task does.
func TestWhatTasksSignFor(t *testing.T) {
	for name, must := range map[string]bool{"its claim must show its task": true, "it need not": false} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7))
			w.EditRunner(id, func(r *fleet.Runner) { r.Identity = must })
			step := runtask.Step{Fleet: w.Fleet(), Launcher: w.Tasks, ClaimURL: "https://fleet.example", ClaimKey: []byte("key"), Signed: sts}
			if _, err := step.Run(t.Context(), fleet.Call{
				RunnerID: id, State: "RunTask", TaskToken: w.Executions.Token(id),
				Document: fleet.Document{Plan: &fleet.Plan{
					Size:  &fleet.Class{CPU: 1024, Memory: 2048},
					Ready: &fleet.Ready{Image: fleet.Image{Outcome: fleet.ImageReady, Identity: true}, TaskDefinition: fleet.TaskDefinitionPart{ARN: "definition/found:1"}},
				}},
			}); err != nil {
				t.Fatal(err)
			}
			var launch fleet.TaskLaunch
			if err := json.Unmarshal([]byte(w.Tasks.Launches[0]), &launch); err != nil {
				t.Fatal(err)
			}
			host, ok := launch.Env["CLAIM_IDENTITY_HOST"]
			if ok != must || must && (host != sts.Host || launch.Env["CLAIM_IDENTITY_REGION"] != sts.Region) || w.Runner(id).Identity != must {
				t.Errorf("environment %q", launch.Env)
			}
			if launch.TaskDefinition != "definition/found:1" {
				t.Errorf("started from %q", launch.TaskDefinition)
			}
		})
	}
}
