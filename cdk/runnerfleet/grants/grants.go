// Package grants is how a fleet's permissions on AWS are written down: what a role may
// do to which resource, and why. The roles that AWS's services have stand here, those of
// the functions in package functions.
//
// It is plain data, and all of it: no role has a managed policy, and the CDK adds
// nothing. So a test compares it with the calls that the functions really make, and a
// page is written from it.
package grants

import (
	"fmt"
	"slices"
	"strings"
)

// Role is one role and all that it may do.
type Role struct {
	Name string // the function's folder, or one of this package's
	May  []Statement
}

// Statement is one statement of a role's policy.
type Statement struct {
	Actions []string
	// Resources are ARNs. A name in braces, from the constants of this package, stands
	// for an ARN that only the deployment knows.
	Resources  []string
	Conditions map[string]map[string]string // operator → key → value
	Deny       bool
	Why        string
	// Implied are actions that no function calls by itself: AWS asks for them
	// when it is called for something else, or AWS calls in the role's name.
	Implied bool
}

// Resources of a deployment, as they stand in Resources and conditions.
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
	GitHub          = "{github}" // the secrets of its token or its Apps
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
	// FunctionNetwork is every network, where functions are in a VPC.
	FunctionNetwork = "{function_network}"
	// OwnLogs is the log group of the role's own function or project, with its streams.
	OwnLogs = "{own_logs}"
	// All is every resource: actions for which IAM knows none, each with its
	// reason in Why.
	All = "*"
)

// Optional are those that a deployment may have none of. A statement about nothing else
// is in no policy then.
var Optional = []string{BaseImages, DockerHub, DockerHubCache, FunctionNetwork}

// Allow is a statement about actions that a function or a service calls itself. why says
// what for.
func Allow(why, resource string, actions ...string) Statement {
	return Statement{Actions: actions, Resources: []string{resource}, Why: why}
}

// Imply is a statement about actions that no code calls; see Statement.Implied.
func Imply(why, resource string, actions ...string) Statement {
	s := Allow(why, resource, actions...)
	s.Implied = true
	return s
}

// And adds resources to the statement.
func (s Statement) And(resources ...string) Statement {
	s.Resources = append(s.Resources, resources...)
	return s
}

// When makes the condition the only one of the statement.
func (s Statement) When(operator, key, value string) Statement {
	s.Conditions = map[string]map[string]string{operator: {key: value}}
	return s
}

// Resolve replaces the names in braces by ARNs. A name may stand for several, and one of
// Optional for none; a statement about nothing is left out. It fails for any other name
// without an ARN.
func Resolve(statements []Statement, arns map[string][]string) ([]Statement, error) {
	var out []Statement
	for _, s := range statements {
		var resources []string
		for _, r := range s.Resources {
			several, err := resolve(r, arns)
			if err != nil {
				return nil, err
			}
			resources = append(resources, several...)
		}
		conditions := map[string]map[string]string{}
		for operator, keys := range s.Conditions {
			conditions[operator] = map[string]string{}
			for key, value := range keys {
				one, err := resolve(value, arns)
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

func resolve(text string, arns map[string][]string) ([]string, error) {
	name, rest, found := strings.Cut(text, "}")
	if !found || !strings.HasPrefix(name, "{") {
		return []string{text}, nil
	}
	name += "}"
	if len(arns[name]) == 0 && !slices.Contains(Optional, name) {
		return nil, fmt.Errorf("no ARN is given for %s", name)
	}
	var out []string
	for _, arn := range arns[name] {
		out = append(out, arn+rest)
	}
	return out, nil
}
