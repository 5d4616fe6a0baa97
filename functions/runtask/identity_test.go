package runtask_test

import (
	"encoding/json"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/runtask"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle/lifecycletest"
)

var sts = runtask.Signed{Host: "sts.eu-west-1.amazonaws.com", Region: "eu-west-1"}

// launched runs the step and returns the environment of the last launch.
func launched(t *testing.T, w *world, id string, signed runtask.Signed, image *fleet.Image) (env map[string]string, err error) {
	t.Helper()
	step := runtask.Step{Fleet: w.Fleet(), Launcher: w.Tasks, ClaimURL: "https://fleet.example", ClaimKey: []byte("key"), Signed: signed}
	_, err = step.Run(t.Context(), fleet.Call{
		RunnerID: id, State: "RunTask", TaskToken: w.Executions.Token(id),
		Document: fleet.Document{
			Job: w.GitHub.Has(7), Plan: &fleet.Plan{Size: &fleet.Class{CPU: 1024, Memory: 2048}}, Image: image, TaskDefinition: &fleet.TaskDefinitionPart{ARN: "definition"},
		},
	})
	var launch fleet.TaskLaunch
	if err := json.Unmarshal([]byte(w.Tasks.Launches[len(w.Tasks.Launches)-1]), &launch); err != nil {
		t.Fatal(err)
	}
	return launch.Env, err
}

func TestWhichClaimsMustShowTheirTask(t *testing.T) {
	knows := &fleet.Image{Outcome: fleet.ImageReady, Identity: true}
	for name, c := range map[string]struct {
		signed runtask.Signed
		image  *fleet.Image
		want   bool
	}{
		"an image whose entrypoint can":       {sts, knows, true},
		"an image whose entrypoint cannot":    {sts, &fleet.Image{Outcome: fleet.ImageReady}, false},
		"a document without an image":         {sts, nil, false},
		"a platform that knows no identities": {runtask.Signed{}, knows, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7))
			env, err := launched(t, w, id, c.signed, c.image)
			if err != nil || w.Runner(id).Identity != c.want {
				t.Errorf("recorded %t: %v", w.Runner(id).Identity, err)
			}
			_, host := env["CLAIM_IDENTITY_HOST"]
			if host != c.want || c.want && (env["CLAIM_IDENTITY_HOST"] != sts.Host || env["CLAIM_IDENTITY_REGION"] != sts.Region) {
				t.Errorf("environment %q", env)
			}
		})
	}
}

// A task that an unclear answer may have started keeps the settings of that launch,
// whatever is deployed meanwhile.
func TestWhetherAClaimMustShowItsTaskIsDecidedOnce(t *testing.T) {
	for name, deployed := range map[string][2]runtask.Signed{"a release that wants it comes": {{}, sts}, "and goes": {sts, {}}} {
		t.Run(name, func(t *testing.T) {
			w := lifecycletest.New(t)
			id := w.Launch(w.Job(7))
			knows := &fleet.Image{Outcome: fleet.ImageReady, Identity: true}
			w.Tasks.Fails["Launch"] = fleet.Errorf(fleet.RunnerLaunchUnclear, "no answer")
			if _, err := launched(t, w, id, deployed[0], knows); !fleet.IsNamed(err, fleet.RunnerLaunchUnclear) {
				t.Fatal(err)
			}
			was := w.Runner(id).Identity
			delete(w.Tasks.Fails, "Launch")
			_, _ = launched(t, w, id, deployed[1], knows)
			if w.Runner(id).Identity != was {
				t.Errorf("the record said %t, and says %t", was, w.Runner(id).Identity)
			}
		})
	}
}
