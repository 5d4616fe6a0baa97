package grants_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

func everyRole() []string { return slices.Concat(deployment.Functions, grants.Roles) }

func TestEveryGrantSaysWhatAndWhy(t *testing.T) {
	action := regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z]+$`)
	for _, role := range everyRole() {
		for _, s := range grants.Of(role) {
			if len(s.Actions) == 0 || len(s.Resources) == 0 || s.Why == "" {
				t.Errorf("%s: %+v is incomplete", role, s)
			}
			for _, a := range s.Actions {
				if !action.MatchString(a) && !s.Deny {
					t.Errorf("%s: %s is no single action", role, a)
				}
			}
		}
	}
}

// hasNoResource are the actions for which IAM knows no resource that would do.
var hasNoResource = []string{
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	"ecr:GetAuthorizationToken", "ecs:ListTasks", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken",
	"ecs:ListTaskDefinitionFamilies", "ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:RegisterTaskDefinition",
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
}

func TestOnlyWhatHasNoResourceIsGrantedForAll(t *testing.T) {
	for _, role := range everyRole() {
		for _, s := range grants.Of(role) {
			if !slices.Contains(s.Resources, grants.All) || s.Deny {
				continue
			}
			for _, a := range s.Actions {
				if !slices.Contains(hasNoResource, a) {
					t.Errorf("%s may %s everywhere", role, a)
				}
			}
		}
	}
}

func TestJobCodeMayDoNothing(t *testing.T) {
	want := grants.Statement{Actions: []string{grants.All}, Resources: []string{grants.All}, Deny: true}
	for _, s := range grants.Of(grants.RoleTask) {
		want.Why = s.Why
	}
	if diff := cmp.Diff([]grants.Statement{want}, grants.Of(grants.RoleTask)); diff != "" {
		t.Errorf("the task role (-want +got):\n%s", diff)
	}
}

func TestRolesArePassedToTasksAlone(t *testing.T) {
	var passing []string
	for _, role := range everyRole() {
		for _, s := range grants.Of(role) {
			if !slices.Contains(s.Actions, "iam:PassRole") {
				continue
			}
			passing = append(passing, role)
			if diff := cmp.Diff([]string{grants.ExecutionRole, grants.TaskRole}, s.Resources); diff != "" || s.Conditions["StringEquals"]["iam:PassedToService"] != "ecs-tasks.amazonaws.com" {
				t.Errorf("%s passes %v when %v", role, s.Resources, s.Conditions)
			}
		}
	}
	if diff := cmp.Diff([]string{"registertaskdefinition", "runtask"}, passing); diff != "" {
		t.Error(diff)
	}
}

func TestWhoReadsASecretNeedsIt(t *testing.T) {
	readers := map[string][]string{}
	for _, role := range everyRole() {
		for _, s := range grants.Of(role) {
			if slices.Contains(s.Actions, "secretsmanager:GetSecretValue") {
				readers[s.Resources[0]] = append(readers[s.Resources[0]], role)
			}
		}
	}
	want := map[string][]string{
		grants.GitHubPAT:      {"dispatch", "claim", "sweep", "validate", "inspectrunner", "recordstatus"},
		grants.WebhookSecrets: {"webhook"},
		grants.ClaimKey:       {"claim", "runtask"},
		grants.DockerHub:      {"build"},
	}
	if diff := cmp.Diff(want, readers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestForeignCodeIsDenied holds everybody to it who may start a build.
func TestForeignCodeIsDenied(t *testing.T) {
	var starting []string
	for _, role := range everyRole() {
		denied, starts := map[string]bool{}, false
		for _, s := range grants.Of(role) {
			starts = starts || slices.Contains(s.Actions, "codebuild:StartBuild")
			if s.Deny {
				for key, value := range s.Conditions["Null"] {
					denied[key] = value == "false" && cmp.Equal(s.Actions, []string{"codebuild:StartBuild"}) && cmp.Equal(s.Resources, []string{grants.All})
				}
			}
		}
		if !starts {
			continue
		}
		starting = append(starting, role)
		for _, key := range []string{"source.buildspec", "environment.image", "environment.privilegedMode", "serviceRole"} {
			if !denied["codebuild:"+key] {
				t.Errorf("%s may start a build with another %s", role, key)
			}
		}
	}
	if diff := cmp.Diff([]string{"sweep", "buildimage"}, starting); diff != "" {
		t.Errorf("who starts builds (-want +got):\n%s", diff)
	}
}

func TestResolve(t *testing.T) {
	statements := []grants.Statement{
		{Actions: []string{"a:B"}, Resources: []string{"{x}/index/i", "{several}"}, Conditions: map[string]map[string]string{"ArnEquals": {"k": "{x}"}}},
		{Actions: []string{"a:C"}, Resources: []string{"{none}"}},
		{Actions: []string{"a:D"}, Resources: []string{"*"}},
	}
	got, err := grants.Resolve(statements, map[string][]string{"{x}": {"arn:x"}, "{several}": {"arn:1", "arn:2"}, "{none}": nil})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"arn:x/index/i", "arn:1", "arn:2"}, got[0].Resources); diff != "" || got[0].Conditions["ArnEquals"]["k"] != "arn:x" || got[1].Resources[0] != "*" {
		t.Errorf("got %v", got)
	}
	if statements[0].Conditions["ArnEquals"]["k"] != "{x}" {
		t.Error("the statement itself was changed")
	}
	if _, err := grants.Resolve(statements, nil); err == nil || !strings.Contains(err.Error(), "{x}") {
		t.Errorf("got %v", err)
	}
}

func TestConditionsAreWellFormed(t *testing.T) {
	operators := []string{"ArnEquals", "StringEquals", "Null"}
	for _, role := range everyRole() {
		for _, s := range grants.Of(role) {
			for operator := range s.Conditions {
				if !slices.Contains(operators, operator) {
					t.Errorf("%s: operator %s", role, operator)
				}
			}
		}
	}
}
