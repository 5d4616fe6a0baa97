// Package operations gives a Lambda function the operations of package lifecycle on the
// fleet's table.
//
// Executions, GitHub and tasks are not among them: a function that uses one sets it, and
// thereby links its client.
package operations

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Fleet is what all operations need, with the records. Executions, GitHub and
// Tasks are set by the functions that use them, and by no other.
func Fleet(f *function.Function) lifecycle.Fleet {
	policy := f.Policy()
	return lifecycle.Fleet{
		Name: policy.FleetName, MaxRunners: policy.MaxRunners, MaxPerRepository: policy.Share(), Limits: policy.Limits, Deployment: policy.Fingerprint(),
		Records: dynamo.Records(f), Backoff: dynamo.Backoff, Now: time.Now, Log: f.Log,
	}
}
