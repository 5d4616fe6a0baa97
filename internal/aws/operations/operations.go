// Package operations gives a Lambda function the operations of package lifecycle.
//
// Each function passes everything that they may need, or nil for what it never uses: if
// one is forgotten, the function does not compile.
package operations

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamo"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/function"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
)

// Notices show refusals on GitHub.
func Notices(f *function.Function, hub lifecycle.NoticeBoard, cursors lifecycle.SwapCursors) lifecycle.Notices {
	return lifecycle.Notices{GitHub: hub, Cursors: cursors, URL: f.Policy().RefusalURL}
}

// Fleet is what the operations need. executions, hub and tasks may be nil if none of the
// operations that the function calls uses them.
func Fleet(f *function.Function, records lifecycle.Records, executions lifecycle.Executions, hub lifecycle.GitHub, tasks lifecycle.Tasks) lifecycle.Fleet {
	policy := f.Policy()
	return lifecycle.Fleet{
		Name: policy.FleetName, MaxRunners: policy.MaxRunners, MaxPerRepository: policy.Share(), KeptForOthers: policy.KeptForOthers(), Repositories: policy.Serves(), SharedPlace: policy.SharedPlace(), MaxOfRules: policy.MaxOfRules(), RuleOf: policy.RuleOf,
		Limits: policy.Limits, RefusalStatus: policy.RefusalStatus, SpotRetry: policy.SpotRetry, Deployment: policy.Fingerprint(),
		Records: records, Executions: executions, GitHub: hub, Tasks: tasks, Backoff: dynamo.Backoff, Now: time.Now, Log: f.Log,
	}
}
