package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/params"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// policy is the one that the deployment set, without classes.
func (f *Function) policy() fleet.Policy {
	var policy fleet.Policy
	text := f.env(deployment.EnvPolicy)
	if text == "" {
		return policy
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		f.problems = append(f.problems, fmt.Sprintf("%s cannot be read: %v", deployment.EnvPolicy, err))
	}
	return policy
}

// Repositories is the policy without classes, for functions that ask it for the
// fleet's repositories only.
func (f *Function) Repositories() fleet.Policy { return f.policy() }

// Policy is the fleet's policy with the class sizes as they are now: they live in
// a parameter and may change without a deployment.
func (f *Function) Policy() func(context.Context) (fleet.Policy, error) {
	policy := f.policy()
	classes := &params.Classes{SSM: ssm.NewFromConfig(f.aws), Name: f.env(deployment.EnvClassSizes), Now: time.Now}
	f.warm = append(f.warm, func(ctx context.Context) error {
		_, err := classes.Get(ctx)
		return err
	})
	return func(ctx context.Context) (fleet.Policy, error) {
		sizes, err := classes.Get(ctx)
		current := policy
		current.Classes = sizes
		return current, err
	}
}
