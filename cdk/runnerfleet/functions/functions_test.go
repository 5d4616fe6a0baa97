package functions_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

func TestEveryMainIsDeployed(t *testing.T) {
	mains, err := filepath.Glob("../../../functions/*/lambda/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders, deployed []string
	for _, main := range mains {
		folders = append(folders, filepath.Base(filepath.Dir(filepath.Dir(main))))
	}
	for _, f := range functions.All {
		deployed = append(deployed, f.Folder())
	}
	slices.Sort(deployed)
	if diff := cmp.Diff(folders, deployed); diff != "" {
		t.Errorf("functions (-folders with a lambda/main.go +in All):\n%s", diff)
	}
}

func TestStepsAreWhatTheStateMachineCalls(t *testing.T) {
	var steps []string
	for _, f := range functions.All {
		if f.Step {
			steps = append(steps, f.Name)
		}
	}
	slices.Sort(steps)
	if diff := cmp.Diff(statemachine.Steps(), steps); diff != "" {
		t.Errorf("steps (-called by the state machine +in All):\n%s", diff)
	}
}

// Lambda sends a failed call in the function's own role, so without the permission the
// call is lost.
func TestFailedCallsMayBeSent(t *testing.T) {
	for _, f := range functions.All {
		var want, got []string
		if f.Asynchronous != nil {
			want = append(want, f.Asynchronous.OnFailure)
		}
		for _, s := range f.May {
			if s.Implied && slices.Contains(s.Actions, "sqs:SendMessage") {
				got = append(got, s.Resources...)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s sends failed calls to (-queues +permitted):\n%s", f.Name, diff)
		}
	}
}
