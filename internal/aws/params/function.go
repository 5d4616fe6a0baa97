package params

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Policy is the fleet's policy with the current class sizes, for a function: they are
// in a parameter and may change without a deployment. The function reads them before
// its first invocation.
func Policy(f *function.Function) func(context.Context) (fleet.Policy, error) {
	policy := PolicyWhenAsked(f)
	f.Warm(func(ctx context.Context) error {
		_, err := policy(ctx)
		return err
	})
	return policy
}

// PolicyWhenAsked is Policy for a function that needs the class sizes for some invocations
// alone: it reads them with the first of those.
func PolicyWhenAsked(f *function.Function) func(context.Context) (fleet.Policy, error) {
	policy := f.Policy()
	classes := &Classes{SSM: ssm.NewFromConfig(f.AWS), Name: f.Env(deployment.EnvClassSizes), Now: time.Now}
	return func(ctx context.Context) (fleet.Policy, error) {
		sizes, err := classes.Get(ctx)
		current := policy
		current.Classes = sizes
		return current, err
	}
}
