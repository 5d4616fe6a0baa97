package runnerfleet

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// trust checks the policy of a role that an app gives its jobs at the very end, when
// nothing is added any more. A claim shows by this role that it comes from one of the
// fleet's tasks, which is worth nothing if others may assume it.
type trust struct{ role awsiam.Role }

// Validate implements constructs.IValidation.
func (t *trust) Validate() *[]*string {
	document := stackOf(t.role).Resolve(t.role.AssumeRolePolicy())
	if trustsTasksOnly(document) {
		return &[]*string{}
	}
	return texts("the task role " + *t.role.Node().Path() + " must trust the service ecs-tasks.amazonaws.com and nothing else; make another role for what else assumes it")
}

// trustsTasksOnly reports whether a trust policy lets ECS's tasks, and nothing else,
// assume the role.
func trustsTasksOnly(document any) bool {
	var policy struct {
		Statement []struct {
			Effect    string
			Principal map[string]any
		}
	}
	encoded, err := json.Marshal(document)
	if err != nil || json.Unmarshal(encoded, &policy) != nil {
		return false
	}
	trusted := false
	for _, s := range policy.Statement {
		if s.Effect == "Deny" {
			continue
		}
		if len(s.Principal) != 1 || s.Principal["Service"] != "ecs-tasks.amazonaws.com" {
			return false
		}
		trusted = true
	}
	return trusted
}
