package statemachine_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

// definition is the part of runner.asl.json that these tests look at.
type definition struct {
	StartAt string
	States  map[string]state
}

type state struct {
	Type, Resource, Next, Default string
	End                           bool
	Parameters                    map[string]any
	TimeoutSeconds                int
	TimeoutSecondsPath            string
	HeartbeatSecondsPath          string
	ResultPath                    string
	Retry                         []struct{ ErrorEquals []string }
	Catch                         []catcher
}

type catcher struct {
	ErrorEquals      []string
	Next, ResultPath string
}

func load(t *testing.T) definition {
	t.Helper()
	var d definition
	if err := json.Unmarshal(statemachine.Definition, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d definition) tasks() map[string]state {
	tasks := maps.Clone(d.States)
	maps.DeleteFunc(tasks, func(_ string, s state) bool { return s.Type != "Task" })
	return tasks
}

// function is the step that a task calls, from its placeholder.
func (s state) function() string {
	arn := s.Resource
	if name, ok := s.Parameters["FunctionName"].(string); ok {
		arn = name
	}
	return strings.TrimSuffix(strings.TrimPrefix(arn, "${"), "FunctionArn}")
}

func (s state) payload() map[string]any {
	if payload, ok := s.Parameters["Payload"].(map[string]any); ok {
		return payload
	}
	return s.Parameters
}

func TestStatesOfTheDesignAreThere(t *testing.T) {
	d := load(t)
	for _, name := range []string{
		"Validate", "ResolveImage", "BuildImage", "RegisterTaskDefinition", "RunTask",
		"AwaitCompletion", "InspectRunner", "RecordStatus", "RecordFailure",
	} {
		if d.States[name].Type != "Task" {
			t.Errorf("state %s: type %q, want a Task", name, d.States[name].Type)
		}
	}
}

func TestEveryTaskNamesItsOwnFunction(t *testing.T) {
	shared := map[string]string{"AwaitCompletion": "RecordStatus", "RecordFailure": "RecordStatus"} // see functions/recordstatus
	for name, s := range load(t).tasks() {
		want := name
		if other, ok := shared[name]; ok {
			want = other
		}
		if s.function() != want {
			t.Errorf("state %s calls %s, want %s", name, s.function(), want)
		}
	}
}

func TestPlaceholdersHaveValues(t *testing.T) {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([^}]*)\}`).FindAllStringSubmatch(string(statemachine.Definition), -1) {
		found[m[1]] = true
	}
	values := map[string]bool{}
	for name := range statemachine.Values(statemachine.AWS, func(string) string { return "" }) {
		values[name] = true
	}
	if diff := cmp.Diff(values, found); diff != "" {
		t.Errorf("placeholders (-with a value +found):\n%s", diff)
	}
}

// Step Functions refuses a resource of another partition when the state begins, and no
// Catch sees that.
func TestTheDefinitionNamesNoPartition(t *testing.T) {
	for name, s := range load(t).tasks() {
		if strings.HasPrefix(s.Resource, "arn:") && !strings.HasPrefix(s.Resource, "arn:${Partition}:") {
			t.Errorf("state %s calls %s, which is in one partition only", name, s.Resource)
		}
	}
}

func TestEveryTaskHasATimeout(t *testing.T) {
	for name, s := range load(t).tasks() {
		if s.TimeoutSeconds == 0 && s.TimeoutSecondsPath == "" {
			t.Errorf("state %s has no time-out: Step Functions would wait for a year", name)
		}
	}
}

func TestEveryTaskSendsTheSameCall(t *testing.T) {
	for name, s := range load(t).tasks() {
		want := []string{"document.$", "runner_id.$", "state.$"}
		if strings.HasSuffix(s.Resource, ".waitForTaskToken") {
			want = append(want, "task_token.$")
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.payload()))); diff != "" {
			t.Errorf("state %s (-want +sent):\n%s", name, diff)
		}
	}
}

func TestFailuresAreRecorded(t *testing.T) {
	for name, s := range load(t).tasks() {
		if name == "RecordStatus" || name == "RecordFailure" {
			if len(s.Catch) > 0 {
				t.Errorf("state %s catches errors: nobody would be left to record them", name)
			}
			continue
		}
		last := s.Catch[len(s.Catch)-1]
		if !slices.Equal(last.ErrorEquals, []string{"States.ALL"}) || last.Next != "RecordFailure" || last.ResultPath != "$.error" {
			t.Errorf("state %s: its last Catch is %v to %s at %s, want States.ALL to RecordFailure at $.error", name, last.ErrorEquals, last.Next, last.ResultPath)
		}
	}
}

// A wait that looks again after silence needs something to notice silence by.
func TestSilenceIsNoticed(t *testing.T) {
	noticed := 0
	for name, s := range load(t).tasks() {
		looks := slices.ContainsFunc(s.Catch, func(c catcher) bool { return slices.Contains(c.ErrorEquals, "States.HeartbeatTimeout") })
		if looks != (s.HeartbeatSecondsPath != "") {
			t.Errorf("state %s catches silence: %t, and has HeartbeatSecondsPath %q", name, looks, s.HeartbeatSecondsPath)
		}
		if looks {
			noticed++
		}
	}
	if noticed == 0 {
		t.Error("no state notices silence: this test holds for nothing")
	}
}

func TestTimeoutsAreRetriedByNobody(t *testing.T) {
	for name, s := range load(t).tasks() {
		for _, retrier := range s.Retry {
			for _, e := range retrier.ErrorEquals {
				if strings.HasPrefix(e, "States.") {
					t.Errorf("state %s retries %s: Retry runs before Catch, and would swallow the time-outs", name, e)
				}
			}
		}
	}
}

// TestHappyPathHasEightTransitions follows the design's promise about cost: the
// price of an execution is its transitions.
func TestHappyPathHasEightTransitions(t *testing.T) {
	d := load(t)
	choices := map[string]string{"IsAdmitted": "ResolveImage", "IsImageReady": "RegisterTaskDefinition"}
	var path []string
	for name := d.StartAt; name != ""; {
		path = append(path, name)
		next := d.States[name].Next
		if d.States[name].Type == "Choice" {
			next = choices[name]
		}
		name = next
	}
	want := []string{"Validate", "IsAdmitted", "ResolveImage", "IsImageReady", "RegisterTaskDefinition", "RunTask", "AwaitCompletion", "RecordStatus"}
	if diff := cmp.Diff(want, path); diff != "" {
		t.Errorf("happy path (-want +walked):\n%s", diff)
	}
}
