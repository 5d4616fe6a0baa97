package function

import (
	"encoding/json"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Policy returns the policy that the deployment set. It has no classes: their sizes are
// in a parameter, which params.Policy reads.
func (f *Function) Policy() fleet.Policy {
	var policy fleet.Policy
	text := f.Env(deployment.EnvPolicy)
	if text == "" {
		return policy
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		f.Problem("%s cannot be read: %v", deployment.EnvPolicy, err)
	}
	return policy
}

// APIURL returns where runners reach the claim route, without a slash at its end.
func (f *Function) APIURL() string { return strings.TrimSuffix(f.Env(deployment.EnvAPIURL), "/") }

// Repository returns the name of the ECR repository of the runner images.
func (f *Function) Repository() string {
	_, name, _ := strings.Cut(f.Env(deployment.EnvRepository), "/")
	return name
}
