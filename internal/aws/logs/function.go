package logs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
)

// timeout bounds the look at a failed build's log. Without it the build's event is
// handled all the same.
const timeout = 5 * time.Second

// LastLines is Last with a bound of time, for a function.
func LastLines(f *function.Function) func(group, stream string, most int) ([]string, error) {
	client := cloudwatchlogs.NewFromConfig(f.AWS)
	return func(group, stream string, most int) ([]string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return Last(ctx, client, group, stream, most)
	}
}
