//go:build cdk

package runnerfleet_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/statemachine"
)

var update = flag.Bool("update", false, "write the golden files")

// assetHash is different with every change of the code.
var (
	assetHash = regexp.MustCompile(`[0-9a-f]{64}`)
	// imageSource is a hash of what images are made from, in the functions' policy.
	imageSource = regexp.MustCompile(`(\\":\\")[0-9a-f]{16}(\\")`)
)

// TestGolden shows reviewers every change of what is deployed. Files that
// are deployed as they are would be in it twice: they only have their place there.
func TestGolden(t *testing.T) {
	c, err := runnerfleet.Load("../../examples/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, _ := runnerfleet.NewStack(newApp(), runnerfleet.Props{Config: c, Dir: "../../examples"})
	built := templateOf(t, stack)
	machine := built.only("AWS::StepFunctions::StateMachine").Properties
	if machine["DefinitionString"] != string(statemachine.Definition) {
		t.Error("the state machine is not runner.asl.json as it is")
	}
	project := at[map[string]any](built.only("AWS::CodeBuild::Project").Properties, "Source")
	if project["BuildSpec"] != runner.Buildspec {
		t.Error("the builds' commands are not buildspec.yml as it is")
	}
	whole := assertions.Template_FromStack(stack, nil).ToJSON()
	for _, r := range *whole {
		if resources, ok := r.(map[string]any); ok {
			leaveOut(resources, "DefinitionString", "statemachine/runner.asl.json")
			leaveOut(resources, "BuildSpec", "runner/buildspec.yml")
		}
	}
	text := assetHash.ReplaceAll(encoded(t, whole), []byte("HASH"))
	holdTo(t, goldenFile, imageSource.ReplaceAll(text, []byte("${1}SOURCE${2}")))
}

// encoded is a value as it stands in golden files.
func encoded(t *testing.T, value any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// holdTo compares text with a golden file, or writes that.
func holdTo(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s is of another template (-was +is; -update accepts it):\n%s", file, diff)
	}
}

// leaveOut replaces a property wherever it is.
func leaveOut(value map[string]any, property, by string) {
	for key, child := range value {
		if object, ok := child.(map[string]any); ok {
			leaveOut(object, property, by)
		}
		if key == property {
			value[key] = by
		}
	}
}
