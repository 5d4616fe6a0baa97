package runnerfleet_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// before are the resources that CloudFormation makes or changes before another one: those
// that it names in its properties or in DependsOn, and what these come after
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html).
func (t template) before(id string) map[string]bool {
	found := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		r := t.Resources[id]
		named := map[string]bool{}
		t.names(r.Properties, named)
		for _, other := range several(r.DependsOn) {
			named[other.(string)] = true
		}
		for other := range named {
			if !found[other] {
				found[other] = true
				visit(other)
			}
		}
	}
	visit(id)
	return found
}

// names collects the resources that a value refers to.
func (t template) names(value any, into map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			t.names(each, into)
		}
	case map[string]any:
		for _, id := range []string{at[string](value, "Ref"), at[string](value, "Fn::GetAtt", 0)} {
			if _, there := t.Resources[id]; there {
				into[id] = true
			}
		}
		for id := range t.Resources {
			sub := at[string](value, "Fn::Sub") + at[string](value, "Fn::Sub", 0)
			if strings.Contains(sub, "${"+id+"}") || strings.Contains(sub, "${"+id+".") {
				into[id] = true
			}
		}
		for _, each := range value {
			t.names(each, into)
		}
	}
}

// A function starts builds of what its policy says from the moment that it has the policy:
// by then the projects must have the same files.
func TestFunctionsComeAfterTheProjectsThatBuild(t *testing.T) {
	built := golden(t)
	told := 0
	for id, function := range built.list("AWS::Lambda::Function") {
		if function.variables()[deployment.EnvPolicy] == nil {
			continue
		}
		told++
		for _, project := range built.ids("AWS::CodeBuild::Project") {
			if !built.before(id)[project] {
				t.Errorf("function %s may run before project %s builds what it asks for", id, project)
			}
		}
	}
	if told == 0 {
		t.Error("no function is told")
	}
	for _, project := range built.ids("AWS::CodeBuild::Project") {
		if role := at[string](built.Resources[project].Properties, "ServiceRole", "Fn::GetAtt", 0); !built.before(project)[role] || role == "" {
			t.Errorf("project %s may build before its role %q may read the sources", project, role)
		}
	}
	for _, schedule := range built.ids("AWS::Scheduler::Schedule") {
		if !built.before(schedule)[at[string](built.Resources[schedule].Properties, "Target", "Arn", "Fn::GetAtt", 0)] {
			t.Errorf("schedule %s may call before its function is there", schedule)
		}
	}
}

// ECS makes its service-linked role when an account gets its first cluster, and cannot
// assume it for some seconds: to associate a provider with the cluster just then fails the
// deployment. So that comes last, and nothing waits for it.
func TestCapacityProvidersComeLast(t *testing.T) {
	built := golden(t)
	id := built.ids("AWS::ECS::ClusterCapacityProviderAssociations")[0]
	if built.only("AWS::ECS::Cluster").Properties["CapacityProviders"] != nil {
		t.Error("the cluster is made with providers")
	}
	before := built.before(id)
	for _, slow := range []string{"AWS::DynamoDB::Table", "AWS::StepFunctions::StateMachine", "AWS::CodeBuild::Project", "AWS::ApiGatewayV2::Stage", "AWS::Scheduler::Schedule"} {
		for _, other := range built.ids(slow) {
			if !before[other] {
				t.Errorf("the providers do not wait for %s", other)
			}
		}
	}
	for other := range built.Resources {
		if built.before(other)[id] {
			t.Errorf("%s waits for the providers", other)
		}
	}
}

// The tests above see what they are to see.
func TestBefore(t *testing.T) {
	made := template{Resources: map[string]resource{
		"A": {Properties: map[string]any{"X": []any{map[string]any{"Fn::GetAtt": []any{"B", "Arn"}}}}},
		"B": {Properties: map[string]any{"X": map[string]any{"Fn::Sub": "arn:${C.Arn}/${AWS::Region}"}}},
		"C": {DependsOn: "D"}, "D": {DependsOn: []any{"E"}}, "E": {Properties: map[string]any{"X": map[string]any{"Ref": "AWS::Region"}}},
		"F": {Properties: map[string]any{"X": map[string]any{"Fn::Sub": []any{"${A}", map[string]any{"Y": map[string]any{"Ref": "E"}}}}}},
	}}
	for id, want := range map[string]string{"A": "B C D E", "C": "D E", "E": "", "F": "A B C D E"} {
		if got := strings.Join(slices.Sorted(maps.Keys(made.before(id))), " "); got != want {
			t.Errorf("before %s come %q, want %q", id, got, want)
		}
	}
}
