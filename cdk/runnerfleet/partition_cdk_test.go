//go:build cdk

package runnerfleet_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet"
)

// lintVariable names the folder for templates that `make test-cdk` holds to linters. The
// files are <region>.<shape>.template.json.
const lintVariable = "LINT_TEMPLATES"

// toLint leaves a stack's template for the linters.
func toLint(t *testing.T, region, shape string, stack awscdk.Stack) {
	t.Helper()
	dir := os.Getenv(lintVariable)
	if dir == "" {
		return
	}
	encoded, err := json.MarshalIndent(assertions.Template_FromStack(stack, nil).ToJSON(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	name := region + "." + strings.NewReplacer(" ", "-", "'", "").Replace(shape) + ".template.json"
	if err := os.WriteFile(filepath.Join(dir, name), encoded, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever has an ARN or a domain of one partition is refused, or does nothing, in another:
// Step Functions ends executions, IAM refuses policies.
func TestNoPartitionIsNamed(t *testing.T) {
	for _, region := range []string{"eu-west-1", "us-gov-west-1", "cn-north-1"} {
		stack, _ := runnerfleet.NewStack(newApp(), runnerfleet.Props{Config: parse(t, "aws_region: "+region, "image_build_project: images")})
		built := templateOf(t, stack)
		toLint(t, region, "partition", stack)
		checkPolicies(t, built)
		machine := built.only("AWS::StepFunctions::StateMachine").Properties
		if at[string](machine, "DefinitionSubstitutions", "Partition", "Ref") != "AWS::Partition" {
			t.Errorf("%s: substitutions %v", region, machine["DefinitionSubstitutions"])
		}
		for id, r := range built.Resources {
			for _, named := range []string{"arn:aws", ".amazonaws.com.cn", ".dkr.ecr." + region + ".amazonaws.com"} {
				if strings.Contains(flat(r.Properties), named) {
					t.Errorf("%s: %s has %s in it", region, id, named)
				}
			}
		}
	}
}
