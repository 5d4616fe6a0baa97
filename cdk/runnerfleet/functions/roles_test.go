package functions_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
)

func TestEveryGrantSaysWhatAndWhy(t *testing.T) {
	action := regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z]+$`)
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			if len(s.Actions) == 0 || len(s.Resources) == 0 || s.Why == "" {
				t.Errorf("%s: %+v is incomplete", role.Name, s)
			}
			for _, a := range s.Actions {
				if !action.MatchString(a) && !s.Deny {
					t.Errorf("%s: %s is no single action", role.Name, a)
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
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			if !slices.Contains(s.Resources, grants.All) || s.Deny {
				continue
			}
			for _, a := range s.Actions {
				if !slices.Contains(hasNoResource, a) {
					t.Errorf("%s may %s everywhere", role.Name, a)
				}
			}
		}
	}
}

// A function's own code cannot do what Lambda needs to connect it to a network.
func TestNetworksAreLambdasAlone(t *testing.T) {
	for _, f := range functions.All {
		var allowed, denied []string
		for _, s := range f.Role().May {
			if !slices.Contains(s.Resources, grants.FunctionNetwork) {
				continue
			}
			if !s.Deny {
				allowed = append(allowed, s.Actions...)
			} else if s.Conditions["Null"]["lambda:SourceFunctionArn"] == "false" {
				denied = append(denied, s.Actions...)
			}
		}
		if diff := cmp.Diff(allowed, denied); diff != "" || f.CallsGitHub() != (len(allowed) > 0) {
			t.Errorf("%s (-allowed +denied to its code):\n%s", f.Name, diff)
		}
	}
}

func TestJobCodeMayDoNothing(t *testing.T) {
	want := grants.Statement{Actions: []string{grants.All}, Resources: []string{grants.All}, Deny: true}
	for _, s := range grants.RoleTask.May {
		want.Why = s.Why
	}
	if diff := cmp.Diff([]grants.Statement{want}, grants.RoleTask.May); diff != "" {
		t.Errorf("the task role (-want +got):\n%s", diff)
	}
}

func TestRolesArePassedToTasksAlone(t *testing.T) {
	var passing []string
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			if !slices.Contains(s.Actions, "iam:PassRole") {
				continue
			}
			passing = append(passing, role.Name)
			if diff := cmp.Diff([]string{grants.ExecutionRole, grants.TaskRole}, s.Resources); diff != "" || s.Conditions["StringEquals"]["iam:PassedToService"] != "ecs-tasks.amazonaws.com" {
				t.Errorf("%s passes %v when %v", role.Name, s.Resources, s.Conditions)
			}
		}
	}
	if diff := cmp.Diff([]string{"registertaskdefinition", "runtask"}, passing); diff != "" {
		t.Error(diff)
	}
}

func TestWhoReadsASecretNeedsIt(t *testing.T) {
	readers := map[string][]string{}
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			if slices.Contains(s.Actions, "secretsmanager:GetSecretValue") {
				readers[s.Resources[0]] = append(readers[s.Resources[0]], role.Name)
			}
		}
	}
	want := map[string][]string{
		grants.GitHub:         {"dispatch", "claim", "sweep", "validate", "inspectrunner", "recordstatus"},
		grants.WebhookSecrets: {"webhook"},
		grants.ClaimKey:       {"claim", "runtask"},
		grants.DockerHub:      {"build"},
	}
	if diff := cmp.Diff(want, readers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestForeignCodeIsDenied checks every role that may start a build.
func TestForeignCodeIsDenied(t *testing.T) {
	var starting []string
	for _, role := range functions.Roles() {
		denied, starts := map[string]bool{}, false
		for _, s := range role.May {
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
		starting = append(starting, role.Name)
		for _, key := range []string{"source.buildspec", "environment.image", "environment.privilegedMode", "serviceRole"} {
			if !denied["codebuild:"+key] {
				t.Errorf("%s may start a build with another %s", role.Name, key)
			}
		}
	}
	if diff := cmp.Diff([]string{"sweep", "buildimage"}, starting); diff != "" {
		t.Errorf("who starts builds (-want +got):\n%s", diff)
	}
}

func TestConditionsAreWellFormed(t *testing.T) {
	operators := []string{"ArnEquals", "StringEquals", "Null"}
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			for operator := range s.Conditions {
				if !slices.Contains(operators, operator) {
					t.Errorf("%s: operator %s", role.Name, operator)
				}
			}
		}
	}
}
