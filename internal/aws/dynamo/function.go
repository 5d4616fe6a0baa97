package dynamo

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// Records is the fleet's table, for a function. The function reads from it before its
// first invocation unless it reads something else then.
func Records(f *function.Function) *Store {
	store := New(dynamodb.NewFromConfig(f.AWS), f.Env(deployment.EnvTable), Options{
		Retention: deployment.Retention, Now: time.Now, NewID: rand.Text, Tidies: true,
	})
	if f.IsCold() {
		f.Warm(func(ctx context.Context) error {
			_, err := store.Capacity(ctx)
			return err
		})
	}
	return store
}
