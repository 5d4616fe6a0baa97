//go:build aws

package flow

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// iamService is the prefix of a service's actions, if it differs from the name that its
// requests are signed for.
var iamService = map[string]string{"monitoring": "cloudwatch", "email": "ses"}

// action is what a call needs to be allowed.
func action(c faultproxy.Call) string {
	service := c.Service
	if other, ok := iamService[service]; ok {
		service = other
	}
	operation := c.Operation
	if service == "dynamodb" && operation == "TransactWriteItems" {
		return "" // needs the actions of its parts; see permits
	}
	return service + ":" + operation
}

// permits reports whether statements allow an action on a resource: some allow it, and
// none denies it. It assumes that conditions hold, except those of a Deny.
func permits(statements []statement, action, resource string) bool {
	allowed := false
	for _, s := range statements {
		if !slices.ContainsFunc(s.Actions, func(a string) bool { return matches(a, action) }) ||
			!slices.ContainsFunc(s.Resources, func(r string) bool { return matches(r, resource) }) {
			continue
		}
		if s.Effect == "Deny" && s.Condition == nil {
			return false
		}
		allowed = allowed || s.Effect == "Allow"
	}
	return allowed
}

// matches compares with the wildcards of IAM. path.Match's * stops at a slash, and
// IAM's does not.
func matches(pattern, text string) bool {
	flat := strings.NewReplacer("/", "|", "[", "(", "]", ")")
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(text))
	return err == nil && ok
}

// needs lists what a request needs to be allowed: action and resource. It reads the
// resource from the request, since moto looks at actions alone.
func (w *world) needs(r *faultproxy.Request) (all [][2]string) {
	var in struct {
		TableName     string
		IndexName     string
		TransactItems []map[string]struct{ TableName string }
		RequestItems  map[string]any
		SecretID      string `json:"SecretId"`
		Name          string
		QueueURL      string `json:"QueueUrl"`
		Entries       []struct{ EventBusName string }
		Cluster       string `json:"cluster"`
		Task          string `json:"task"`
		Definition    string `json:"taskDefinition"`
		Project       string `json:"projectName"`
		Repository    string `json:"repositoryName"`
		StateMachine  string `json:"stateMachineArn"`
		Execution     string `json:"executionArn"`
		StartedBy     string `json:"startedBy"`
	}
	if err := json.Unmarshal(r.Body, &in); err != nil {
		w.t.Errorf("%s:%s: %v", r.Service, r.Operation, err)
	}
	add := func(action, resource string) { all = append(all, [2]string{action, resource}) }
	verb := action(r.Call)
	switch r.Service {
	case "dynamodb":
		if verb == "" {
			for _, item := range in.TransactItems {
				for kind, of := range item {
					add("dynamodb:"+map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}[kind], arn("dynamodb", "table/"+of.TableName))
				}
			}
			return all
		}
		for table := range in.RequestItems {
			in.TableName = table
		}
		resource := "table/" + in.TableName
		if in.IndexName != "" {
			resource += "/index/" + in.IndexName
		}
		add(verb, arn("dynamodb", resource))
	case "secretsmanager":
		if !strings.HasPrefix(in.SecretID, "arn:") { // a name, to which Secrets Manager adds six characters
			in.SecretID = arn("secretsmanager", "secret:"+in.SecretID+"-AbCdEf")
		}
		add(verb, in.SecretID)
	case "ssm":
		add(verb, arn("ssm", "parameter"+in.Name))
	case "sqs":
		add(verb, arn("sqs", in.QueueURL[strings.LastIndex(in.QueueURL, "/")+1:]))
	case "events":
		add(verb, arn("events", "event-bus/"+in.Entries[0].EventBusName))
	case "codebuild":
		add(verb, arn("codebuild", "project/"+in.Project))
	case "ecr":
		add(verb, arn("ecr", "repository/"+in.Repository))
	case "states":
		resource := in.StateMachine
		if resource == "" {
			resource = in.Execution
		}
		if resource == "" { // a signal names nothing; its action is granted for the state machine
			resource = w.stepFunctions().machineARN
		}
		add(verb, resource)
	case "ecs":
		w.needsECS(verb, in.Cluster, in.Task, in.Definition, add)
	default:
		w.t.Errorf("%s calls %s:%s, of which this test does not know the resource", r.Client, r.Service, r.Operation)
	}
	return all
}

// needsECS has the resources of ECS's actions
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html).
func (w *world) needsECS(verb, cluster, task, definition string, add func(action, resource string)) {
	name := cluster[strings.LastIndex(cluster, "/")+1:]
	aTask := arn("ecs", "task/"+name+"/0a1b")
	aDefinition := arn("ecs", "task-definition/"+fleet.TaskDefinition{FleetName: "flow", Image: "sha256:0a1b", Arch: fleet.X64}.Family()+":1")
	switch verb {
	case "ecs:RunTask":
		add(verb, definition)
		add("ecs:TagResource", aTask)
		for _, variable := range []string{"EXECUTION_ROLE_ARN", "TASK_ROLE_ARN"} {
			add("iam:PassRole", w.environment("registertaskdefinition")[variable])
		}
	case "ecs:RegisterTaskDefinition":
		add(verb, "*")
		add("ecs:TagResource", aDefinition)
		for _, variable := range []string{"EXECUTION_ROLE_ARN", "TASK_ROLE_ARN"} {
			add("iam:PassRole", w.environment("registertaskdefinition")[variable])
		}
	case "ecs:StopTask", "ecs:DescribeTasks":
		add(verb, aTask)
	case "ecs:ListTasks", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:ListTaskDefinitionFamilies", "ecs:DeregisterTaskDefinition":
		add(verb, "*")
	case "ecs:DeleteTaskDefinitions":
		add(verb, aDefinition)
	default:
		w.t.Errorf("%s: of which this test does not know the resource", verb)
	}
}

// guarded makes the proxy refuse what a function's own policy does not allow, with the
// resource, and notes what was allowed.
func (w *world) guarded(t *testing.T) (used map[string]map[string]bool) {
	t.Helper()
	used = map[string]map[string]bool{}
	policies := map[string][]statement{}
	for name, id := range w.functionIDs() {
		policies[name], used[name] = w.stack.statements(w.stack.roleOf(id)), map[string]bool{}
	}
	w.proxy.Use(faultproxy.Rule{Name: "unknown tasks and policies", Act: func(r *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
		policy, ours := policies[r.Client]
		if !ours {
			return forward()
		}
		for _, need := range w.needs(r) {
			w.mu.Lock()
			used[r.Client][need[0]] = true
			w.mu.Unlock()
			if !permits(policy, need[0], need[1]) {
				t.Errorf("%s may not do %s on %s", r.Client, need[0], need[1])
				return faultproxy.Refuse(403, "AccessDeniedException", fmt.Sprintf("%s on %s", need[0], need[1]))(r, forward)
			}
		}
		return forward()
	}})
	return used
}
