package runnerfleet_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// goldenFile is the template of examples/fleet.yaml. A test with Node holds it to
// what the CDK makes; those without hold it to the rules below.
const goldenFile = "testdata/template.golden.json"

func golden(t *testing.T) template {
	t.Helper()
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var parsed template
	if err := json.Unmarshal(data, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// policies are what must hold for every template, by name. Each lists what breaks it.
var policies = map[string]func(template) []string{
	"no permission has a wildcard for actions": func(t template) (bad []string) {
		for _, s := range t.statements() {
			for _, action := range s.actions {
				if strings.Contains(action, "*") && s.effect != "Deny" {
					bad = append(bad, s.of+" may "+action)
				}
			}
		}
		return bad
	},
	"only what knows no resource is allowed everywhere": func(t template) (bad []string) {
		may := everywhere()
		for _, s := range t.statements() {
			if !slices.Contains(s.resources, "*") || s.effect == "Deny" {
				continue
			}
			for _, action := range s.actions {
				if !may[action] {
					bad = append(bad, s.of+" may "+action+" everywhere")
				}
			}
		}
		return bad
	},
	"no role has a policy that is not its own": func(t template) (bad []string) {
		for id, r := range t.list("AWS::IAM::Role") {
			if r.Properties["ManagedPolicyArns"] != nil {
				bad = append(bad, id)
			}
		}
		return append(append(bad, t.ids("AWS::IAM::Policy")...), t.ids("AWS::IAM::ManagedPolicy")...)
	},
	"every role's policy is short enough for IAM": func(t template) (bad []string) {
		for id, r := range t.list("AWS::IAM::Role") {
			if text := flat(r.Properties["Policies"]); len(text) > 10240 { // with CloudFormation's functions it is longer than IAM sees it
				bad = append(bad, id)
			}
		}
		return bad
	},
	"every log group forgets": func(t template) (bad []string) {
		for id, r := range t.list("AWS::Logs::LogGroup") {
			if at[float64](r.Properties, "RetentionInDays") == 0 {
				bad = append(bad, id)
			}
		}
		return bad
	},
	"every function has its own role and log group": func(t template) (bad []string) {
		roles, groups := map[string]bool{}, map[string]bool{}
		functions := t.list("AWS::Lambda::Function")
		for _, r := range functions {
			roles[flat(r.Properties["Role"])], groups[flat(at[any](r.Properties, "LoggingConfig", "LogGroup"))] = true, true
		}
		if len(functions) == 0 || len(roles)%len(functions) != 0 || len(groups) != len(functions) || groups["null"] {
			bad = append(bad, flat(roles), flat(groups))
		}
		return bad
	},
	"what is asynchronous has somewhere to fail to": func(t template) (bad []string) {
		configured := map[string]bool{}
		for _, r := range t.list("AWS::Lambda::EventInvokeConfig") {
			configured[at[string](r.Properties, "FunctionName", "Ref")] = at[any](r.Properties, "DestinationConfig", "OnFailure", "Destination") != nil && r.Properties["MaximumEventAgeInSeconds"] != nil
		}
		for id, r := range t.list("AWS::Events::Rule") {
			for _, target := range several(r.Properties["Targets"]) {
				if at[any](target, "DeadLetterConfig", "Arn") == nil || at[float64](target, "RetryPolicy", "MaximumEventAgeInSeconds") == 0 || at[any](target, "RetryPolicy", "MaximumRetryAttempts") == nil {
					bad = append(bad, id)
				}
				if function := at[string](target, "Arn", "Fn::GetAtt", 0); !configured[function] {
					bad = append(bad, "function "+function)
				}
			}
		}
		for id, r := range t.list("AWS::Scheduler::Schedule") {
			if at[any](r.Properties, "Target", "DeadLetterConfig", "Arn") == nil || !configured[at[string](r.Properties, "Target", "Arn", "Fn::GetAtt", 0)] {
				bad = append(bad, id)
			}
		}
		if len(configured) == 0 {
			bad = append(bad, "nothing is asynchronous")
		}
		return bad
	},
	"queues are encrypted and refuse plain HTTP": func(t template) (bad []string) {
		secured := map[string]bool{}
		for _, r := range t.list("AWS::SQS::QueuePolicy") {
			if strings.Contains(flat(r.Properties["PolicyDocument"]), `{"Bool":{"aws:SecureTransport":"false"}}`) {
				secured[at[string](r.Properties, "Queues", 0, "Ref")] = true
			}
		}
		for id, r := range t.list("AWS::SQS::Queue") {
			if !at[bool](r.Properties, "SqsManagedSseEnabled") || !secured[id] || r.Properties["MessageRetentionPeriod"] == nil {
				bad = append(bad, id)
			}
		}
		return bad
	},
	"no secret has its value in the template": func(t template) (bad []string) {
		for id, r := range t.list("AWS::SecretsManager::Secret") {
			if r.Properties["SecretString"] != nil || r.Properties["GenerateSecretString"] == nil || !slices.Contains([]any{nil, `{"no_github_token_yet":true}`}, at[any](r.Properties, "GenerateSecretString", "SecretStringTemplate")) {
				bad = append(bad, id)
			}
		}
		if found := secretText.FindString(flat(t)); found != "" {
			bad = append(bad, found)
		}
		return bad
	},
	"nobody gets in": func(t template) (bad []string) {
		for id, r := range t.list("AWS::EC2::SecurityGroup") {
			if r.Properties["SecurityGroupIngress"] != nil {
				bad = append(bad, id)
			}
		}
		return append(bad, t.ids("AWS::EC2::SecurityGroupIngress")...)
	},
	"job code may do nothing": func(t template) (bad []string) {
		id := at[string](t.function("registertaskdefinition").variables(), deployment.EnvTaskRole, "Fn::GetAtt", 0)
		const denial = `{"Action":"*","Effect":"Deny","Resource":"*"}`
		role, there := t.Resources[id]
		if statements := flat(at[any](role.Properties, "Policies", 0, "PolicyDocument", "Statement")); !there || statements != denial && statements != "["+denial+"]" || len(several(role.Properties["Policies"])) != 1 {
			bad = append(bad, id, statements)
		}
		return bad
	},
	"services assume roles for things of this account only": func(t template) (bad []string) {
		for id, r := range t.list("AWS::IAM::Role") {
			for _, statement := range several(at[any](r.Properties, "AssumeRolePolicyDocument", "Statement")) {
				lambda := strings.Contains(flat(at[any](statement, "Principal")), "lambda.") // AWS documents no condition for it
				account := flat(at[any](statement, "Condition", "StringEquals", "aws:SourceAccount"))
				if lambda != (at[any](statement, "Condition") == nil) || !lambda && account != `{"Ref":"AWS::AccountId"}` {
					bad = append(bad, id)
				}
			}
		}
		return bad
	},
	"a claim is compared with the role that tasks have": func(t template) (bad []string) {
		had, compared := map[string]bool{}, map[string]bool{} // of one fleet, or of several
		for _, function := range t.list("AWS::Lambda::Function") {
			if role := at[string](function.variables(), deployment.EnvTaskRole, "Fn::GetAtt", 0); role != "" {
				had[`{"Fn::GetAtt":["`+role+`","RoleId"]}`] = true
			}
			if id := function.variables()[deployment.EnvTaskRoleID]; id != nil {
				compared[flat(id)] = true
			}
		}
		if len(had) == 0 || !maps.Equal(had, compared) {
			bad = append(bad, flat(had), flat(compared))
		}
		return bad
	},
	"no function takes a share of the account's concurrency": func(t template) (bad []string) {
		for id, r := range t.list("AWS::Lambda::Function") {
			if r.Properties["ReservedConcurrentExecutions"] != nil {
				bad = append(bad, id)
			}
		}
		return bad
	},
	"everything that can carry a name carries the fleet's": func(t template) (bad []string) {
		for _, kind := range []string{"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::ECS::Cluster", "AWS::ECR::Repository", "AWS::SecretsManager::Secret"} {
			for id, r := range t.list(kind) {
				if !strings.Contains(flat(r.Properties["Tags"]), `"Key":"`+deployment.FleetTag+`"`) {
					bad = append(bad, id)
				}
			}
		}
		return bad
	},
	"every alarm says what to do": func(t template) (bad []string) {
		for id, r := range t.list("AWS::CloudWatch::Alarm") {
			if len(at[string](r.Properties, "AlarmDescription")) < 80 || r.Properties["TreatMissingData"] == nil {
				bad = append(bad, id)
			}
		}
		return bad
	},
	"nothing outlives the stack": func(t template) (bad []string) {
		for id, r := range t.Resources {
			if r.DeletionPolicy == "Retain" || r.DeletionPolicy == "Snapshot" {
				bad = append(bad, id)
			}
		}
		return bad
	},
}

// secretText is what tokens and keys look like.
var secretText = regexp.MustCompile(`gh[opsur]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9]{16}|AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY`)

// everywhere are the actions that some role may do on all resources.
func everywhere() map[string]bool {
	may := map[string]bool{}
	for _, role := range functions.Roles() {
		for _, s := range role.May {
			for _, action := range s.Actions {
				everything := slices.Contains(s.Resources, grants.All) || slices.Contains(s.Resources, grants.FunctionNetwork)
				may[action] = may[action] || everything && !s.Deny
			}
		}
	}
	return may
}

func TestPolicies(t *testing.T) { checkPolicies(t, golden(t)) }

func checkPolicies(t *testing.T, checked template) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		if bad := policies[name](checked); len(bad) > 0 {
			t.Errorf("not so: %s: %s", name, strings.Join(bad, ", "))
		}
	}
}

// TestPoliciesNotice breaks each of them once.
func TestPoliciesNotice(t *testing.T) {
	set := func(kind, path string, value any) func(template) {
		return func(t template) {
			for _, id := range t.ids(kind) {
				properties := t.Resources[id].Properties
				steps := strings.Split(path, ".")
				for _, step := range steps[:len(steps)-1] {
					properties = at[map[string]any](properties, step)
				}
				if properties != nil {
					properties[steps[len(steps)-1]] = value
				}
			}
		}
	}
	policy := func(action string) map[string]any {
		return map[string]any{"PolicyDocument": map[string]any{"Statement": map[string]any{"Effect": "Allow", "Action": action, "Resource": "*"}}}
	}
	for name, broken := range map[string]func(template){
		"no permission has a wildcard for actions":          set("AWS::IAM::Role", "Policies", []any{policy("s3:*")}),
		"only what knows no resource is allowed everywhere": set("AWS::IAM::Role", "Policies", []any{policy("s3:GetObject")}),
		"no role has a policy that is not its own":          set("AWS::IAM::Role", "ManagedPolicyArns", []any{"arn"}),
		"every log group forgets":                           set("AWS::Logs::LogGroup", "RetentionInDays", nil),
		"every function has its own role and log group":     set("AWS::Lambda::Function", "Role", "one for all"),
		"what is asynchronous has somewhere to fail to":     set("AWS::Lambda::EventInvokeConfig", "DestinationConfig", nil),
		"queues are encrypted and refuse plain HTTP":        set("AWS::SQS::QueuePolicy", "PolicyDocument", nil),
		"no secret has its value in the template":           set("AWS::Lambda::Function", "Environment.Variables.GITHUB_PAT_SECRET", "ghp_0123456789abcdefghij"),
		"nobody gets in":          set("AWS::EC2::SecurityGroup", "SecurityGroupIngress", []any{}),
		"job code may do nothing": set("AWS::IAM::Role", "Policies", []any{policy("xray:PutTraceSegments")}),
		"services assume roles for things of this account only":  set("AWS::IAM::Role", "AssumeRolePolicyDocument.Statement", []any{map[string]any{"Principal": map[string]any{"Service": "ecs-tasks.amazonaws.com"}}}),
		"a claim is compared with the role that tasks have":      set("AWS::Lambda::Function", "Environment.Variables.TASK_ROLE_ID", "another"),
		"no function takes a share of the account's concurrency": set("AWS::Lambda::Function", "ReservedConcurrentExecutions", 1),
		"everything that can carry a name carries the fleet's":   set("AWS::SQS::Queue", "Tags", nil),
		"every alarm says what to do":                            set("AWS::CloudWatch::Alarm", "AlarmDescription", "alarm"),
		"nothing outlives the stack": func(t template) {
			for id, r := range t.Resources {
				r.DeletionPolicy = "Retain"
				t.Resources[id] = r
			}
		},
	} {
		changed := golden(t)
		broken(changed)
		if bad := policies[name](changed); len(bad) == 0 {
			t.Errorf("nobody notices: %s", name)
		}
	}
	// A rule without a dead-letter queue, with everything else as it is.
	changed := golden(t)
	for _, id := range changed.ids("AWS::Events::Rule") {
		delete(at[map[string]any](changed.Resources[id].Properties, "Targets", 0), "DeadLetterConfig")
	}
	if len(policies["what is asynchronous has somewhere to fail to"](changed)) == 0 {
		t.Error("nobody notices a rule without a dead-letter queue")
	}
}
