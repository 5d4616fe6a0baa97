// Package grants lists every permission that a fleet has on AWS: by role, what it
// may do to which thing, and why.
//
// It is plain data, and all of it: no role has a managed policy, and none is added
// to by the CDK. So a test can hold it to the calls that the functions really make,
// and a page can be written from it.
package grants

import (
	"fmt"
	"strings"
)

// Statement is one statement of a role's policy.
type Statement struct {
	Actions []string
	// Resources are ARNs. A name in braces, from the constants of this package,
	// stands for one that only the deployment knows.
	Resources  []string
	Conditions map[string]map[string]string // operator → key → value
	Deny       bool
	Why        string
	// Implied are actions that no function calls by itself: AWS asks for them
	// when it is called for something else, or AWS calls in the role's name.
	Implied bool
}

// Things that a deployment has, as they stand in Resources and conditions.
const (
	Table           = "{table}"
	Bus             = "{bus}"
	StateMachine    = "{state_machine}"
	Executions      = "{executions}"
	Cluster         = "{cluster}"
	Tasks           = "{tasks}"
	TaskDefinitions = "{task_definitions}"
	Repository      = "{repository}"
	Projects        = "{projects}"
	ClassSizes      = "{class_sizes}"
	GitHubPAT       = "{github_pat}"
	WebhookSecrets  = "{webhook_secrets}"
	ClaimKey        = "{claim_key}"
	FailedEvents    = "{failed_events}"
	MissedSweeps    = "{missed_sweeps}"
	ExecutionRole   = "{execution_role}"
	TaskRole        = "{task_role}"
	RunnerLogs      = "{runner_logs}"
	BuildSource     = "{build_source}"
	BuildLogs       = "{build_logs}"
	BaseImages      = "{base_images}"      // private repositories that base images come from
	DockerHub       = "{docker_hub}"       // the secret with its credentials
	DockerHubCache  = "{docker_hub_cache}" // the repositories of a mirror of it in ECR
	AssetBucket     = "{asset_bucket}"
	Sweep           = "{sweep}"
	Steps           = "{steps}"
	// OwnLogs is the log group of the role's own function or project, with its streams.
	OwnLogs = "{own_logs}"
	// All is every resource: actions for which IAM knows none, each with its
	// reason in Why.
	All = "*"
)

// Optional are those that a deployment may have none of. What is allowed on them is in
// no policy then.
var Optional = []string{BaseImages, DockerHub, DockerHubCache}

// Roles beside those of the functions, which are named like the functions.
const (
	RoleTask         = "task"          // what job code has: it may do nothing
	RoleExecution    = "execution"     // what ECS has to start a task
	RoleStateMachine = "state_machine" // what Step Functions has
	RoleBuild        = "build"         // what an image build has
	RoleSchedule     = "schedule"      // what the sweep's schedule has
)

// Roles are all roles that are no function's.
var Roles = []string{RoleTask, RoleExecution, RoleStateMachine, RoleBuild, RoleSchedule}

// Of lists what a role may do. It panics for a role that there is not.
func Of(role string) []Statement {
	if of, ok := functions()[role]; ok {
		return append(of, runtime()...)
	}
	if of, ok := services()[role]; ok {
		return of
	}
	panic(fmt.Sprintf("no role is called %q", role))
}

func allow(why, resource string, actions ...string) Statement {
	return Statement{Actions: actions, Resources: []string{resource}, Why: why}
}

func (s Statement) and(resources ...string) Statement {
	s.Resources = append(s.Resources, resources...)
	return s
}

func (s Statement) when(operator, key, value string) Statement {
	s.Conditions = map[string]map[string]string{operator: {key: value}}
	return s
}

func (s Statement) implied() Statement {
	s.Implied = true
	return s
}

// Resolve replaces the names in braces. A name may stand for several things, or
// for none; a statement about nothing is left out.
func Resolve(statements []Statement, things map[string][]string) ([]Statement, error) {
	var out []Statement
	for _, s := range statements {
		var resources []string
		for _, r := range s.Resources {
			several, err := resolve(r, things)
			if err != nil {
				return nil, err
			}
			resources = append(resources, several...)
		}
		conditions := map[string]map[string]string{}
		for operator, keys := range s.Conditions {
			conditions[operator] = map[string]string{}
			for key, value := range keys {
				one, err := resolve(value, things)
				if err != nil {
					return nil, err
				}
				conditions[operator][key] = strings.Join(one, "")
			}
		}
		if len(resources) > 0 {
			s.Resources, s.Conditions = resources, conditions
			out = append(out, s)
		}
	}
	return out, nil
}

func resolve(text string, things map[string][]string) ([]string, error) {
	name, rest, found := strings.Cut(text, "}")
	if !found || !strings.HasPrefix(name, "{") {
		return []string{text}, nil
	}
	values, ok := things[name+"}"]
	if !ok {
		return nil, fmt.Errorf("nothing is called %s}", name)
	}
	var out []string
	for _, value := range values {
		out = append(out, value+rest)
	}
	return out, nil
}
