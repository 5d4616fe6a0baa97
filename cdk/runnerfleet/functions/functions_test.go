package functions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// A job whose image and task definition are there takes the shortest way.
func TestWhatEachRunnerCalls(t *testing.T) {
	var machine struct {
		States map[string]struct {
			Resource   string
			Parameters struct{ FunctionName string }
		}
	}
	if err := json.Unmarshal(statemachine.Definition, &machine); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../statemachine/testdata/walks.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var walks map[string]struct{ Path string }
	if err := json.Unmarshal(text, &walks); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for state := range strings.FieldsSeq(walks["a job whose image and task definition are there"].Path) {
		s := machine.States[state]
		if m := regexp.MustCompile(`\$\{([A-Za-z]+)FunctionArn\}`).FindStringSubmatch(fmt.Sprint(s.Resource, s.Parameters.FunctionName)); m != nil {
			want = append(want, m[1])
		}
	}
	for _, f := range functions.All {
		if f.EachRunner {
			got = append(got, f.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" || len(got) == 0 {
		t.Errorf("functions (-on the way +said to be called for each runner):\n%s", diff)
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
